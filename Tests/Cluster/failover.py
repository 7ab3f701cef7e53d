"""Three replicas under concurrent writers on all of them, while the primary, a secondary or everybody is killed, or the
primary is paused: nothing acknowledged is lost, doubled or moved, no read is older than what was acknowledged before it,
all replicas end up the same, byte for byte, and appends go on soon.

CHARTLOG_FAILOVERS says how many times (20), CHARTLOG_SEED which (1)."""

import http.client
import json
import os
import random
import signal
import threading
import time

from harness import Report, Store, generated
from history import Writer, check_history

FAILOVERS = int(os.environ.get("CHARTLOG_FAILOVERS", "20"))
SEED = int(os.environ.get("CHARTLOG_SEED", "1"))
# What happens, and how often of a hundred times.
KINDS = {"kill primary": 55, "kill secondary": 15, "pause primary": 20, "kill all": 10}


class Reader(threading.Thread):
    """Reads what was acknowledged before the read began, at any replica: it must be there, and no older."""

    def __init__(self, store, number, writers):
        super().__init__(daemon=True)
        self.store, self.writers = store, writers
        self.dice = random.Random(1000 + number)
        self.stale, self.wrong, self.reads = [], [], 0
        self.stopping = False

    def run(self):
        clients = [self.store.client(timeout=3, replica=replica) for replica in self.store.replicas]
        while not self.stopping:
            writer = self.dice.choice(self.writers)
            if not writer.acknowledged:
                time.sleep(0.02)
                continue
            id, subject, version, position = writer.acknowledged[-1]
            kind = {"patient": "Patient", "appointment": "Appointment"}.get(subject.split("/")[0])
            if kind is None:
                time.sleep(0.005)
                continue
            replica = self.dice.randrange(len(clients))
            try:
                status, headers, body = clients[replica].get(f"/fhir/{kind}/{subject.split('/')[1]}")
            except (OSError, http.client.HTTPException):
                continue
            if status == 200:
                self.reads += 1
                seen = int(json.loads(body)["meta"]["versionId"])
                stands = int(headers["chartlog-position"])
                if seen < version or stands < position:
                    self.stale.append((replica + 1, subject, version, seen, position, stands))
            elif status == 410:
                self.reads += 1
            elif status == 404:
                self.stale.append((replica + 1, subject, version, "404"))
            elif status not in (503, 504, 429):
                self.wrong.append((replica + 1, status, body[:200]))
            time.sleep(0.005)


def settled(store, patience=20):
    """Waits until there is a primary and every voter follows it closely; the status, or None."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        status = store.status(timeout=3)
        if status and status["primary"]:
            voters = [member for member in status["replicas"] if member["id"] in store.replicas]
            if len(voters) == len(store.replicas) and all(
                    member["state"] == "ready" and member["lag_events"] < 500 for member in voters):
                return status
        time.sleep(0.02)
    return None


def gap(writers, since, until):
    """Milliseconds of the longest time without an acknowledgement that began before `until` and ended after `since`."""
    times = sorted(at for writer in writers for at in writer.times if since - 5 < at)
    longest = 0.0
    for before, after in zip(times, times[1:]):
        if after > since and before < until:
            longest = max(longest, after - before)
    return longest * 1000


def quantile(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def segments(store, replica):
    """The bytes of each closed segment of a replica: all but the last."""
    folder = os.path.join(store.dir, f"replica-{replica}", "data", "log")
    found = {}
    for name in sorted(os.listdir(folder))[:-1]:
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def same_digests(report, store):
    """All voters at one position with equal digests, now that nobody writes."""
    deadline = time.monotonic() + 30
    seen = None
    while time.monotonic() < deadline:
        status = store.status()
        voters = [member for member in (status or {}).get("replicas", []) if member["id"] in store.replicas]
        seen = [(member["id"], member["position"], {k: v["digest"] for k, v in member["digests"].items()})
                for member in voters]
        if len(seen) == len(store.replicas) and len({(row[1], json.dumps(row[2])) for row in seen}) == 1:
            return report.check("digests are equal at equal positions", True)
        time.sleep(0.1)
    return report.check("digests are equal at equal positions", False, seen)


def same_segments(report, store):
    """Every segment that is closed on one replica stands byte-equal on each other one that has closed it."""
    kept = {replica: segments(store, replica) for replica in store.replicas}
    compared, different = 0, []
    for name in sorted(set().union(*kept.values())):
        copies = [(replica, files[name]) for replica, files in kept.items() if name in files]
        compared += len(copies) > 1
        different += [(name, replica) for replica, bytes in copies if bytes != copies[0][1]]
    report.check("there are closed segments to compare", compared > 0)
    report.check("closed segments are byte-equal on all replicas", not different, different[:5])
    return compared


def strike(store, kind, dice):
    """Does what `kind` says; when, and the pid to wake again later."""
    status = settled(store)
    if status is None:
        return None, None
    primary = status["primary"]
    at = time.monotonic()
    if kind == "kill primary":
        store.kill9(primary)
    elif kind == "kill secondary":
        store.kill9(dice.choice([replica for replica in store.replicas if replica != primary]))
    elif kind == "kill all":
        for replica in store.replicas:
            store.kill9(replica)
    else:
        pid = store.pid(primary)
        os.kill(pid, signal.SIGSTOP)
        return at, pid
    return at, None


def main():
    report = Report("failover")
    dice = random.Random(SEED)
    gaps = {kind: [] for kind in KINDS}
    with Store(replicas=3) as store:
        store.configure(segmentFrames=512, snapshotEvery=5000)
        store.start()
        writers = [Writer(store, number, generated(100 + number, 40, 20000), store.replicas, timeout=2.5, pause=0.005)
                   for number in range(6)]
        readers = [Reader(store, number, writers) for number in range(2)]
        for thread in writers + readers:
            thread.start()
        time.sleep(1)
        unsettled, starved = [], []
        strikes = []
        for number in range(FAILOVERS):
            kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
            at, stopped = strike(store, kind, dice)
            if at is None:
                unsettled.append((number, kind, store.status()))
                break
            while not any(writer.times and writer.times[-1] > at + 0.001 for writer in writers):
                if time.monotonic() - at > 30 or any(writer.wrong for writer in writers):
                    starved.append((number, kind))
                    break
                time.sleep(0.002)
            if stopped:
                # Longer than an election takes, so that a deposed primary wakes up among others who moved on.
                time.sleep(max(0.0, at + dice.uniform(1.5, 3) - time.monotonic()))
                try:
                    os.kill(stopped, signal.SIGCONT)
                except ProcessLookupError:
                    pass
            if starved:
                break
            # Five deaths in a row within a second of the start, and the supervisor waits before the next one.
            time.sleep(dice.uniform(0.3, 1.2))
            strikes.append((kind, at, time.monotonic()))
            if number % 25 == 24:
                print(f"  {number + 1} of {FAILOVERS}, {sum(len(w.acknowledged) for w in writers)} acknowledged", flush=True)
        for kind, at, until in strikes:
            gaps[kind].append(gap(writers, at, until))
        report.check("the replicas settle before every strike", not unsettled, unsettled)
        report.check("appends go on after every strike", not starved, (starved, store.status()))
        for thread in writers + readers:
            thread.stopping = True
        for thread in writers + readers:
            thread.join(30)
        for writer in writers:
            report.check(f"writer {writer.number} is never refused", not writer.wrong, writer.wrong)
        for reader in readers:
            report.check("no read is older than what was acknowledged before it", not reader.stale, reader.stale[:3])
            report.check("reads are answered or put off", not reader.wrong, reader.wrong[:3])

        settled(store)
        events, compared = check_history(report, writers, store.client(timeout=60))
        for replica in store.replicas[1:]:
            other = store.client(timeout=60, replica=replica).events()
            report.check(f"replica {replica} shows the same history", other == events, (len(other), len(events)))
        same_digests(report, store)
        store.stop()
        shared = same_segments(report, store)
        verified = store.command("verify", store.dir)
        report.check("every replica's log is whole", verified.returncode == 0, verified.stdout[-500:])
        store.start()
        report.check("and all start again", settled(store) is not None, store.status())
        acknowledged = sum(len(writer.acknowledged) for writer in writers)
        print(f"  {len(strikes)} strikes, {acknowledged} events acknowledged, {len(events)} present, "
              f"{sum(writer.unknown for writer in writers)} unknown outcomes resolved, "
              f"{sum(reader.reads for reader in readers)} reads, {compared} resources compared, "
              f"{shared} closed segments compared")
        for kind, values in gaps.items():
            if values:
                values.sort()
                print(f"  {kind}: {len(values)} times, gap p50 {quantile(values, 0.5):.0f} ms, "
                      f"p99 {quantile(values, 0.99):.0f} ms, longest {values[-1]:.0f} ms")
        # What is promised, where there are enough to speak of a median; the rest of the machine has its say in the p99.
        kills, pauses = gaps["kill primary"], gaps["pause primary"]
        if len(kills) >= 50:
            report.check("killed primary: p50 at most 100 ms", quantile(kills, 0.5) <= 100, quantile(kills, 0.5))
            report.check("killed primary: p99 at most 500 ms", quantile(kills, 0.99) <= 500, quantile(kills, 0.99))
            report.check("paused primary: p99 at most 2 s", quantile(pauses, 0.99) <= 2000, quantile(pauses, 0.99))
        elif kills:
            report.check("killed primary: half of the gaps within 1 s", quantile(kills, 0.5) <= 1000, kills)
    report.end()


main()
