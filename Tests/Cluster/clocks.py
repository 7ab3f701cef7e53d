"""Three replicas whose wall clocks are set under concurrent clients: stamps never fall, nothing is stamped with a time that
no other replica agrees to, and an operator's word ends what a wrong clock began.

Each replica is started by itself, with a library between it and its clock (clockstep.c)."""

import json
import os
import signal
import struct
import subprocess
import time

from harness import ROOT, Report, Store, binary, generated
from history import Reader, Writer, check_history, check_sameness, settled
from linear import Rival, Told, check_linear, now, stamp


class SteppedStore(Store):
    """Every replica a process of its own, its clock ahead of the machine's by what `step` says."""

    def __init__(self, replicas):
        super().__init__(replicas)
        self.library = os.path.join(self.top, "clockstep.so")
        subprocess.run([os.environ.get("CC", "clang"), "-shared", "-fPIC", "-O1", "-o", self.library,
                        os.path.join(ROOT, "Tests", "Cluster", "clockstep.c")], check=True)
        self.processes = {}
        for replica in self.replicas:
            self.step(replica, 0)

    def step(self, replica, seconds):
        with open(os.path.join(self.top, f"step-{replica}"), "r+b" if replica in self.processes else "wb") as file:
            file.write(struct.pack("<q", int(seconds * 1_000_000)))

    def start(self, patience=30):
        for replica in self.replicas:
            self.serve(replica)
        if settled(self, patience) is None:
            raise RuntimeError(f"not ready after {patience} s")

    def serve(self, replica):
        configuration = os.path.join(self.dir, f"replica-{replica}", "config.json")
        environment = dict(os.environ, LD_PRELOAD=self.library, CLOCKSTEP=os.path.join(self.top, f"step-{replica}"))
        self.processes[replica] = subprocess.Popen(
            [binary("chartlog"), "serve", "--config", configuration], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def again(self, replica):
        self.processes[replica].kill()
        self.processes[replica].wait()
        self.serve(replica)

    def pid(self, replica=1):
        return self.processes[replica].pid

    def stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        self.processes = {}


class Probe:
    """Appends now and then, to see how events are stamped."""

    def __init__(self, store):
        self.store = store
        self.events, self.acknowledged, self.told = [], [], Told()

    def stamped(self, patience=5):
        """How far ahead of this machine's clock an event is stamped that is appended now, in seconds; or, while it is
        refused to the end of patience, the problem's name."""
        number = len(self.events)
        event = {"specversion": "1.0", "id": f"probe-{number}", "source": "/clocks", "type": "patient.registered",
                 "subject": f"patient/probe-{number}", "datacontenttype": "application/fhir+json",
                 "data": {"resourceType": "Patient", "id": f"probe-{number}", "name": [{"family": "Plain"}]}}
        self.events.append(event)
        client, begun, deadline = self.store.client(), now(), time.monotonic() + patience
        while True:
            status, _, body = client.append(event)
            answer = json.loads(body)
            if status in (200, 201):
                self.told.append_done(begun, [event], answer)
                done = answer["events"][0]
                self.acknowledged.append((done["id"], done["subject"], done["version"], done["position"]))
                return stamp(done["recordedtime"]) / 1e6 - time.time()
            if time.monotonic() > deadline:
                self.told.append_unknown(begun, [event])
                return answer["type"].split(":")[-1]
            time.sleep(0.05)


def near(seen, seconds):
    return isinstance(seen, float) and abs(seen - seconds) < 0.75


def main():
    report = Report("clocks")
    with SteppedStore(replicas=3) as store:
        store.configure(segmentFrames=512, snapshotEvery=5000)
        store.start()
        writers = [Writer(store, number, generated(100 + number, 40, 20000), store.replicas, timeout=2.5)
                   for number in range(3)]
        readers = [Reader(store, 0, writers)]
        rivals = [Rival(store, number) for number in range(2)]
        probe = Probe(store)
        threads = writers + readers + rivals
        for thread in threads:
            thread.start()
        time.sleep(1)

        def warnings():
            return " ".join((store.status() or {}).get("warnings", []))

        primary = settled(store)["primary"]
        others = [replica for replica in store.replicas if replica != primary]
        seen = probe.stamped()
        report.check("events are stamped with the time it is", near(seen, 0), seen)
        store.step(others[0], 3600)
        time.sleep(1)
        seen = probe.stamped()
        report.check("a secondary an hour ahead changes nothing", near(seen, 0), seen)
        store.step(others[0], -3600)
        store.step(primary, 2)
        time.sleep(1)
        seen = probe.stamped()
        report.check("a primary 2 s ahead is believed", near(seen, 2), seen)
        report.check("and warned of", "0.5 s" in warnings(), warnings())
        store.step(primary, -30)
        time.sleep(0.5)
        first, second = probe.stamped(), probe.stamped()
        report.check("set back, stamps stand still and never fall", near(first, 2) and near(second, 2), (first, second))
        store.step(primary, 0)
        store.step(others[0], 0)
        time.sleep(3)
        seen = probe.stamped()
        report.check("set right, stamps are the time again", near(seen, 0), seen)
        # Both that were an hour or half a minute behind jumped ahead, by their forward clocks alone.
        for replica in (others[0], primary):
            store.command("handover", "--to", str(replica), who="admin")
            seen = probe.stamped(patience=1)
            report.check("whoever was behind and is set right leads and stamps", near(seen, 0), seen)
        primary = settled(store)["primary"]
        store.step(primary, 3600)
        time.sleep(1)
        seen = probe.stamped()
        report.check("a primary an hour ahead stamps nothing: another does", near(seen, 0), seen)
        report.check("and leads no more", settled(store)["primary"] != primary)
        store.step(primary, 0)
        seen = probe.stamped()
        report.check("set right, all is as before", near(seen, 0), seen)
        for replica in store.replicas:
            store.step(replica, 120)
        time.sleep(1)
        seen = probe.stamped(patience=2)
        report.check("all two minutes ahead at once: the forward clock knows", seen == "clock-ahead", seen)
        report.check("and status says so", "appends are refused" in warnings(), warnings())
        for replica in store.replicas:
            store.again(replica)
            settled(store)
            time.sleep(1)
            seen = probe.stamped(patience=1)
            report.check("a start of one is no operator's word", seen == "clock-ahead", seen)
        accepted = store.command("clock", "accept", who="admin")
        report.check("an operator accepts the clock", accepted.returncode == 0, accepted.stderr)
        seen = probe.stamped()
        report.check("and appends go on by it", near(seen, 120), seen)

        for thread in threads:
            thread.stopping = True
        for thread in threads:
            thread.join(30)
        for thread in writers + rivals:
            report.check("nobody is refused for anything else", not thread.wrong, thread.wrong)
        for reader in readers:
            report.check("no read is older than what was acknowledged before it", not reader.stale, reader.stale[:3])
        settled(store)
        appenders = writers + rivals + [probe]
        events, _ = check_history(report, appenders, store.client(timeout=60))
        operations = check_linear(report, threads + [probe], events)
        hour = [event["position"] for event in events if stamp(event["recordedtime"]) / 1e6 > time.time() + 600]
        report.check("no event bears the wrong hour", not hour, hour[:3])
        check_sameness(report, store, events)
        print(f"  {len(events)} events, {operations} operations in one order, under 7 settings of clocks")
    report.end()


main()
