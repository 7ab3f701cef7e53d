"""A store in a temporary folder, run as an operator runs it, and a client that knows nothing of Chartlog's code."""

import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def binary(name):
    """The release build of a program; CHARTLOG_BUILD names another folder."""
    folder = os.environ.get("CHARTLOG_BUILD") or os.path.join(ROOT, ".build", "release")
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.exit(f"{path} is missing: swift build -c release")
    return path


def free_port(span=8):
    """A base port whose next `span` ports, and as many from 101 on, are free and handed out to nobody else: replicas
    listen there for clients and for each other."""
    while True:
        base = random.randrange(10000, 32000)
        try:
            for port in [*range(base + 1, base + 1 + span), *range(base + 101, base + 101 + span)]:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base


class Store:
    """`chartlog init` and `start` of one store."""

    def __init__(self, replicas=1, spares=0):
        self.top = tempfile.mkdtemp(prefix="chartlog-test-")
        self.dir = os.path.join(self.top, "store")
        self.base = free_port()
        self.replicas, self.spares = list(range(1, replicas + 1)), list(range(replicas + 1, replicas + spares + 1))
        made = subprocess.run(
            [binary("chartlog"), "init", self.dir, "--base-port", str(self.base), "--replicas", str(replicas),
             "--spares", str(spares)], capture_output=True, text=True)
        if made.returncode != 0:
            sys.exit(f"init failed ({made.returncode}): {made.stderr}")
        self.supervisor = None
        self.trust = None
        self.port = self.base + 1

    def configure(self, only=None, **limits):
        """Sets limits in every replica's configuration, or in that of one, before it is started."""
        for replica in [only] if only else self.replicas + self.spares:
            path = os.path.join(self.dir, f"replica-{replica}", "config.json")
            with open(path) as file:
                configuration = json.load(file)
            configuration.setdefault("limits", {}).update(limits)
            with open(path, "w") as file:
                json.dump(configuration, file)

    def settings(self, only=None, **members):
        """Sets members of every replica's configuration, or of that of one, before it is started; None removes one."""
        for replica in [only] if only else self.replicas + self.spares:
            path = os.path.join(self.dir, f"replica-{replica}", "config.json")
            with open(path) as file:
                configuration = json.load(file)
            configuration.update(members)
            with open(path, "w") as file:
                json.dump({name: value for name, value in configuration.items() if value is not None}, file)

    def start(self, patience=30):
        self.supervisor = subprocess.Popen(
            [binary("chartlog"), "start", self.dir], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.set_blocking(self.supervisor.stdout.fileno(), False)
        deadline = time.monotonic() + patience
        text = b""
        while time.monotonic() < deadline:
            text += self.supervisor.stdout.read() or b""
            if b"ready\n" in text:
                return
            if self.supervisor.poll() is not None:
                raise RuntimeError(f"start ended: {text}")
            time.sleep(0.01)
        raise RuntimeError(f"not ready after {patience} s: {text}")

    def pid(self, replica=1):
        with open(os.path.join(self.dir, f"replica-{replica}", "pid")) as file:
            return int(file.read())

    def signal(self, replica, number):
        """Sends a signal to a replica's process and nothing else; the supervisor starts it again when it dies of it."""
        try:
            os.kill(self.pid(replica), number)
            return True
        except (ProcessLookupError, ValueError, FileNotFoundError):
            return False

    def kill9(self, replica=1):
        return self.signal(replica, signal.SIGKILL)

    def status(self, timeout=5):
        """What the cluster says of itself: the word of the replica that knows a primary of the highest term; or None."""
        best = None
        for replica in self.replicas:
            try:
                status, _, body = self.client("admin", timeout, replica).request("GET", "/v1/cluster")
            except (OSError, http.client.HTTPException):
                continue
            if status == 200:
                said = json.loads(body)
                if best is None or (said["primary"] is not None, said["term"]) > (best["primary"] is not None, best["term"]):
                    best = said
        return best

    def primary(self, timeout=5):
        """The primary's id, or None while nobody knows one."""
        status = self.status(timeout)
        return status and status["primary"]

    def stop(self):
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGTERM)
            try:
                self.supervisor.wait(20)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
        self.supervisor = None

    def close(self):
        self.stop()
        shutil.rmtree(self.top, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def context(self, who="service"):
        with open(os.path.join(self.dir, f"{who}.context")) as file:
            return json.load(file)

    def tls(self):
        if self.trust is None:
            self.trust = ssl.create_default_context(cafile=os.path.join(self.dir, "ca.pem"))
        return self.trust

    def client(self, who="service", timeout=20, replica=1):
        return Client(self, who, timeout, replica)

    def command(self, *arguments, who="service", stdin=None):
        """`chartlog …` with the store's context."""
        environment = dict(os.environ, CHARTLOG_CONTEXT=os.path.join(self.dir, f"{who}.context"))
        return subprocess.run(
            [binary("chartlog"), *arguments], env=environment, input=stdin, capture_output=True, timeout=120)


class Branch(Store):
    """A store that `restore branch` made; who made it removes it."""

    def __init__(self, directory, base, replicas=3):
        self.top, self.dir, self.base = os.path.dirname(directory), directory, base
        self.replicas, self.spares = list(range(1, replicas + 1)), []
        self.supervisor = None
        self.trust = None
        self.port = self.base + 1

    def close(self):
        self.stop()


class Client:
    """One kept-open HTTPS connection."""

    def __init__(self, store, who, timeout, replica=1):
        self.store, self.timeout, self.port = store, timeout, store.base + replica
        self.headers = {
            "Authorization": "Bearer " + store.context(who)["key"],
            "X-Purpose-Of-Use": "TREAT",
        }
        self.connection = None

    def request(self, method, path, body=None, headers=None, **more):
        """(status, headers, body). Raises OSError or HTTPException when there is no answer."""
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=self.timeout, context=self.store.tls())
        sent = dict(self.headers)
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        try:
            self.connection.request(method, path, body=body, headers=sent)
            answer = self.connection.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def append(self, events, headers=None):
        if isinstance(events, dict):
            kind, body = "application/cloudevents+json", json.dumps(events)
        else:
            kind, body = "application/cloudevents-batch+json", json.dumps(events)
        return self.request(
            "POST", "/v1/events", body.encode(), {"Content-Type": kind, **(headers or {})})

    def get(self, path, **parameters):
        query = ("?" + urllib.parse.urlencode(parameters, doseq=True)) if parameters else ""
        status, headers, body = self.request("GET", path + query)
        return status, headers, body

    def patiently(self, path, patience=30, **parameters):
        """As `get`, asked again while the cluster has no primary or does not answer."""
        deadline = time.monotonic() + patience
        while True:
            try:
                answer = self.get(path, **parameters)
                if answer[0] not in (503, 504, 429) or time.monotonic() > deadline:
                    return answer
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def events(self, after=0):
        """All events after a position, page by page, as dictionaries."""
        found = []
        while True:
            status, _, body = self.patiently("/v1/events", after=after, limit=10000)
            assert status == 200, (status, body[:300])
            more = True
            for line in body.splitlines():
                event = json.loads(line)
                if "end" in event:
                    more = event["end"]["more"]
                elif "error" in event:
                    assert event["error"]["status"] in (503, 504), event
                else:
                    found.append(event)
                    after = int(event["position"])
            if not more:
                return found


def generated(seed, patients, events):
    """Events of the seeded clinic, as dictionaries."""
    out = subprocess.run(
        [binary("chartlog-bench"), "generate", "--seed", str(seed), "--patients", str(patients), "--events",
         str(events)], capture_output=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def merged(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


class Report:
    """Counts what held and what did not; the exit code follows."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, [], []

    def check(self, what, holds, seen=""):
        if holds:
            self.passed += 1
        else:
            self.failed.append(what)
            print(f"  ✘ {what}   {str(seen)[:400]}", flush=True)
        return holds

    def skip(self, what, why):
        self.skipped.append(what)
        print(f"  – {what}: skipped, {why}", flush=True)

    def end(self):
        print(f"  {self.name}: {self.passed} held, {len(self.failed)} did not, {len(self.skipped)} skipped", flush=True)
        sys.exit(1 if self.failed else 0)
