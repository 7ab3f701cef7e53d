"""A store of one replica grows to three while appends run, from outside: joined, killed in the middle, refused."""

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time

from common import Report, Store, binary, expectation, patient


class Part:
    """The directory of one replica that joined, run by a supervisor of its own."""

    def __init__(self, store, id):
        self.store, self.id, self.dir = store, id, os.path.join(store.top, f"part-{id}")
        self.supervisor = None

    def start(self, patience=30):
        self.supervisor = subprocess.Popen(
            [binary("chartlog"), "start", self.dir], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.set_blocking(self.supervisor.stdout.fileno(), False)
        self.text, self.patience = b"", patience

    def is_ready(self):
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline and b"ready\n" not in self.text:
            self.text += self.supervisor.stdout.read() or b""
            time.sleep(0.01)
        return b"ready\n" in self.text

    def kill9(self):
        with open(os.path.join(self.dir, f"replica-{self.id}", "pid")) as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def stop(self):
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGTERM)
            self.supervisor.wait(20)
        self.supervisor = None


class Appender(threading.Thread):
    """Appends one patient after the other at whichever replica answers, each until it is acknowledged."""

    def __init__(self, store):
        super().__init__(daemon=True)
        self.store, self.acknowledged, self.ends, self.slowest = store, [], False, 0.0

    def run(self):
        number, at, client = 0, 0, None
        while not self.ends:
            number += 1
            begun = time.monotonic()
            while not self.ends:
                client = client or self.store.client(
                    timeout=3, replica=self.store.replicas[at % len(self.store.replicas)])
                try:
                    if client.append(patient(f"p-{number}"))[0] in (200, 201):
                        self.acknowledged.append(f"patient/p-{number}")
                        self.slowest = max(self.slowest, time.monotonic() - begun)
                        break
                except (OSError, http.client.HTTPException):
                    pass
                client, at = None, at + 1
                time.sleep(0.02)
            time.sleep(0.002)


def wait(store, holds, patience=40):
    deadline = time.monotonic() + patience
    seen = None
    while time.monotonic() < deadline:
        seen = store.status(timeout=2) or seen
        if seen and seen["primary"] and holds(seen):
            return seen
        time.sleep(0.05)
    return seen


def voters(status):
    return [member["id"] for member in status["replicas"] if member["role"] in ("primary", "secondary")]


def main():
    report = Report("joining")
    expect = expectation(report)
    with Store(replicas=1) as store:
        store.configure(snapshotEvery=500)
        store.start()
        parts = {id: Part(store, id) for id in (2, 3)}

        def init(what, code, directory, *more, text=None, of=store.dir):
            done = subprocess.run(
                [binary("chartlog"), "init", directory, "--join", of, *(
                    [] if "--base-port" in more else ["--base-port", str(store.base)]), *more],
                capture_output=True, text=True, timeout=60)
            said = done.stdout + done.stderr
            report.check(what, done.returncode == code and (text is None or text in said), (done.returncode, said))
            return done

        def papers(name):
            """A copy of what a new replica needs, as an operator carries it to another machine."""
            folder = os.path.join(store.top, name)
            os.mkdir(folder, 0o700)
            for file in ("admin.context", "ca.pem", "ca.key", "root.key"):
                shutil.copy(os.path.join(store.dir, file), folder)
            return folder

        appender = Appender(store)
        appender.start()
        try:
            # ── refused, and nothing made
            fresh = os.path.join(store.top, "fresh")
            init("a directory that exists", 1, store.dir, text="exists already")
            init("an id in use", 1, fresh, "--id", "1", text="in use")
            init("ports in use", 1, fresh, "--id", "101", "--base-port", str(store.base - 100), text="address and port")
            init("replicas and join", 2, fresh, "--replicas", "3", text="--replicas")
            init("a name for an address", 2, fresh, "--address", "replica.example", text="numeric")
            init("no papers", 2, fresh, of=os.path.join(store.top, "nowhere"), text="context")
            other = papers("other-key")
            shutil.copy(os.path.join(store.dir, "service.context"), os.path.join(other, "admin.context"))
            init("who may not administer", 1, fresh, of=other, text="forbidden")
            wrong = papers("wrong-root")
            with open(os.path.join(wrong, "root.key"), "w") as file:
                file.write("ab" * 32 + "\n")
            init("another root key", 1, fresh, "--id", "7", of=wrong, text="root key")
            report.check("nothing was made", not os.path.exists(fresh))
            status = wait(store, lambda seen: not seen["change"])
            report.check("and nobody waits for it", status["change"] is None and voters(status) == [1], status)
            report.check("its id is used up", status["retired"] == [7], status)

            # ── the second, from a folder with its papers, as from another machine
            made = json.loads(init("the second joins", 0, parts[2].dir, "--json", "--id", "2", of=papers("papers")).stdout or "{}")
            report.check("it says where all are", made.get("endpoints") == [
                f"https://127.0.0.1:{store.base + id}" for id in (1, 2)], made)
            report.check("secrets are its owner's", all(
                os.stat(os.path.join(parts[2].dir, name)).st_mode & 0o077 == 0
                for name in ("root.key", "admin.context", "tls/replica-2.key")))
            report.check("the key of the authority stays where it was",
                         not os.path.exists(os.path.join(parts[2].dir, "ca.key")))
            status = store.status()
            report.check("it is waited for", (status["change"] or {}).get("joining") == 2, status)
            init("a third while that goes on", 1, fresh, "--id", "3", text="under way")
            report.check("nothing was made by that", not os.path.exists(fresh))
            parts[2].start()
            for _ in range(3):
                time.sleep(0.15)
                parts[2].kill9()
                time.sleep(0.1)
                store.kill9(1)
            store.replicas.append(2)
            status = wait(store, lambda seen: voters(seen) == [1, 2] and not seen["change"])
            report.check("two vote, though both were killed meanwhile", voters(status) == [1, 2], status)
            report.check("start says ready", parts[2].is_ready(), parts[2].text)

            # ── the third
            # 7 is used up, so that the next of itself would be 8.
            init("the third joins", 0, parts[3].dir, "--id", "3")
            parts[3].start()
            store.replicas.append(3)
            status = wait(store, lambda seen: voters(seen) == [1, 2, 3] and not seen["change"]
                          and seen["min_durable_copies"] == 3)
            report.check("three vote and hold everything", voters(status) == [1, 2, 3]
                         and status["min_durable_copies"] == 3, status)
            report.check("appends never stopped for long", appender.slowest < 10, appender.slowest)

            # ── any of them may be lost now, the first one too
            store.signal(1, signal.SIGSTOP)
            try:
                count = len(appender.acknowledged)
                status = wait(store, lambda seen: seen["primary"] in (2, 3) and len(appender.acknowledged) > count + 20)
                report.check("appends go on without the first", len(appender.acknowledged) > count + 20, status)
            finally:
                store.signal(1, signal.SIGCONT)
        finally:
            appender.ends = True
            appender.join(15)
        report.check("something was appended", len(appender.acknowledged) > 100, len(appender.acknowledged))
        for id in (1, 2, 3):
            found = {event["subject"] for event in store.client(replica=id).events()}
            missing = [subject for subject in appender.acknowledged if subject not in found]
            report.check(f"all that was acknowledged is read at replica {id}", not missing, missing[:5])
        found = json.loads(store.command("audit", "--actor", "admin", "--json", who="service").stdout or "{}")
        trail = [base64.b64decode(entity["query"]).decode() for entry in found.get("entry", [])
                 for entity in entry["resource"].get("entity", []) if "query" in entity]
        report.check("the audit says where each is to be, and that it got the keys", all(
            f"add {id} at 127.0.0.1, ports {store.base + 100 + id} and {store.base + id}, and hand it the sealed keys" in trail
            for id in (2, 3, 7)), trail)
        # Each is found again after a start, though config.json of the first lists nobody else.
        for part in parts.values():
            part.stop()
        store.stop()
        for part in parts.values():
            part.start()
        store.start()
        expect("appends after a start of all", store.client().append(patient("p-after")), 201)
        status = wait(store, lambda seen: seen["min_durable_copies"] == 3)
        report.check("three copies again", status["min_durable_copies"] == 3, status)
        for part in parts.values():
            part.stop()
        store.stop()
        for directory in [store.dir] + [part.dir for part in parts.values()]:
            done = store.command("verify", directory)
            report.check("verify finds nothing wrong", done.returncode == 0, done.stdout + done.stderr)
    quiet(report)
    report.end()


def quiet(report):
    """A store that nobody writes to grows as well."""
    with Store(replicas=1) as store:
        store.start()
        store.client().append(patient("p-1"))
        part = Part(store, 2)
        done = store.command("init", part.dir, "--join", store.dir, "--base-port", str(store.base))
        report.check("a quiet store is joined", done.returncode == 0, done.stdout + done.stderr)
        # Longer than an election takes.
        time.sleep(1.2)
        part.start()
        try:
            status = wait(store, lambda seen: voters(seen) == [1, 2] and not seen["change"], patience=15)
            report.check("who joins it votes", voters(status) == [1, 2], status)
        finally:
            part.stop()


main()
