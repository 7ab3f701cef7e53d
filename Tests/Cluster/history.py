"""Writers who remember what was acknowledged to them, and what must be true of a store's history afterwards."""

import http.client
import json
import os
import random
import threading
import time

from harness import merged
from linear import Told, now

STATUS = {
    "appointment.proposed": "proposed", "appointment.held": "pending", "appointment.booked": "booked",
    "appointment.waitlisted": "waitlist", "appointment.arrived": "arrived", "appointment.checked-in": "checked-in",
    "appointment.fulfilled": "fulfilled", "appointment.cancelled": "cancelled", "appointment.no-show": "noshow",
    "appointment.entered-in-error": "entered-in-error",
}


def separate(event, number):
    """The same event in a clinic of its own: ids and references of one writer never meet another's."""
    text = json.dumps(event)
    for kind in ("p-", "a-", "c-", "d-", "pr-", "room-"):
        for mark in ('/', '"'):
            text = text.replace(f"{mark}{kind}", f"{mark}{kind}w{number}-")
    return json.loads(text)


class Writer(threading.Thread):
    """Appends its own clinic's events in order, one or a few a request, and sends again what got no answer, to the next
    of its replicas."""

    def __init__(self, store, number, events, replicas=(1,), timeout=10, pause=0.02):
        super().__init__(daemon=True)
        self.store, self.number = store, number
        self.replicas = [replicas[(number + at) % len(replicas)] for at in range(len(replicas))]
        self.timeout, self.pause = timeout, pause
        self.times = []
        self.unknown = 0
        self.clinic = events
        self.events = [separate(event, number) for event in events]
        self.clinics = 1
        self.acknowledged = []
        self.told = Told()
        self.wrong = []
        self.stopping = False
        self.dice = random.Random(number)

    def another_clinic(self):
        """The load lasts as long as the kills do: the same year again, of other patients, under other ids."""
        self.clinics += 1
        for event in self.clinic:
            event = separate(event, f"{self.number}c{self.clinics}")
            event["id"] += f"-c{self.clinics}"
            self.events.append(event)

    def run(self):
        clients = [self.store.client(timeout=self.timeout, replica=replica) for replica in self.replicas]
        at = 0
        while not self.stopping:
            if at == len(self.events):
                self.another_clinic()
            batch = self.events[at:at + self.dice.choice([1, 1, 1, 3, 10])]
            # Back to its own replica, so that there are writers at every one.
            turn, stays, begun = 0, False, now()
            while True:
                client = clients[turn % len(clients)]
                try:
                    status, _, body = client.append(batch if len(batch) > 1 else batch[0])
                except (OSError, http.client.HTTPException):
                    status = 0
                if status in (0, 503, 504, 429):
                    if self.stopping:
                        return self.told.append_unknown(begun, batch)
                    self.unknown += status in (0, 504)
                    # Whoever says 504 lives, and knows by then who leads.
                    if status == 504 and not stays:
                        stays = True
                        continue
                    stays = False
                    turn += 1
                    if turn % len(clients) == 0:
                        time.sleep(self.pause)
                    continue
                break
            if status not in (200, 201):
                self.wrong.append((status, body[:300]))
                return
            self.times.append(time.monotonic())
            told = json.loads(body)
            self.told.append_done(begun, batch, told)
            for event, answer in zip(batch, told["events"]):
                self.acknowledged.append((event["id"], event["subject"], answer["version"], answer["position"]))
            at += len(batch)


def fold(events):
    """Patients and appointments as they stand after the events: a second opinion on the views."""
    resources = {}
    for event in events:
        category, _ = event["subject"].split("/")
        if category not in ("patient", "appointment"):
            continue
        before = resources.get(event["subject"])
        data = event.get("data")
        is_patch = event.get("datacontenttype", "").startswith("application/merge-patch+json")
        after = merged(before, data) if is_patch else (data if data is not None else before)
        implied = STATUS.get(event["type"])
        if implied and isinstance(after, dict) and "status" not in (data or {}):
            after = dict(after, status=implied)
        resources[event["subject"]] = None if event["type"].endswith("entered-in-error") else after
    return resources


def without_meta(resource):
    resource = dict(resource)
    resource.pop("meta", None)
    return resource


def check_history(report, writers, client):
    """The whole history, read by `client`, against what the writers were told; the events and how many resources the
    views were compared in."""
    events = client.events()
    positions = [int(event["position"]) for event in events]
    report.check("positions have no gap", positions == list(range(1, len(events) + 1)))
    ids = [event["id"] for event in events]
    report.check("no event stands twice", len(ids) == len(set(ids)))
    at = {event["id"]: event for event in events}
    missing, moved = [], []
    for writer in writers:
        last = 0
        for id, subject, version, position in writer.acknowledged:
            event = at.get(id)
            if event is None:
                missing.append(id)
            elif (event["subject"], event["streamversion"], int(event["position"])) != (subject, version, position):
                moved.append((id, position, event["position"]))
            if position <= last:
                moved.append((id, "order"))
            last = position
    report.check("every acknowledged event is present", not missing, missing[:5])
    report.check("each stands where its answer said", not moved, moved[:5])
    sent = {event["id"]: event for writer in writers for event in writer.events}
    altered = [event["id"] for event in events if event.get("data") != sent[event["id"]].get("data")]
    report.check("no event is altered", not altered, altered[:5])
    versions = {}
    skipped = []
    for event in events:
        versions[event["subject"]] = versions.get(event["subject"], 0) + 1
        if versions[event["subject"]] != event["streamversion"]:
            skipped.append(event["subject"])
    report.check("versions of a stream have no gap", not skipped, skipped[:5])
    stamps = [event["recordedtime"] for event in events]
    report.check("recorded times never fall", stamps == sorted(stamps))

    expected = fold(events)
    wrong = []
    for subject, resource in expected.items():
        category, id = subject.split("/")
        kind = "Patient" if category == "patient" else "Appointment"
        status, _, body = client.patiently(f"/fhir/{kind}/{id}")
        if resource is None:
            if status != 410:
                wrong.append((subject, status, "expected 410"))
        elif status != 200 or without_meta(json.loads(body)) != resource:
            wrong.append((subject, status, body[:200], resource))
    report.check("views equal an independent fold", not wrong, wrong[:2])
    return events, len(expected)


class Reader(threading.Thread):
    """Reads what was acknowledged before the read began, at any replica: it must be there, and no older. Now and then it
    reads the newest events instead."""

    def __init__(self, store, number, writers):
        super().__init__(daemon=True)
        self.store, self.writers = store, writers
        self.dice = random.Random(1000 + number)
        self.stale, self.wrong, self.reads = [], [], 0
        self.told = Told()
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
            isScan = self.dice.randrange(10) == 0
            after, begun = max(0, position - self.dice.randrange(100)), now()
            try:
                if isScan:
                    status, headers, body = clients[replica].get("/v1/events", after=after, limit=200)
                else:
                    status, headers, body = clients[replica].get(f"/fhir/{kind}/{subject.split('/')[1]}")
            except (OSError, http.client.HTTPException):
                continue
            if status == 200 and isScan:
                self.reads += 1
                self.told.scan(begun, after, int(headers["chartlog-position"]), body.splitlines())
            elif status == 200:
                self.reads += 1
                resource = json.loads(body)
                seen = int(resource["meta"]["versionId"])
                stands = int(headers["chartlog-position"])
                self.told.look(begun, subject, resource, stands)
                if seen < version or stands < position:
                    self.stale.append((replica + 1, subject, version, seen, position, stands))
            elif status == 410:
                self.reads += 1
            elif status == 404:
                self.told.look_missing(begun, subject)
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


def is_closed(bytes):
    """Both watermark slots of a segment say so: see SegmentedLog.docc/Format.md."""
    places = int.from_bytes(bytes[64:68], "little")
    table = (places * 144 + 4095) // 4096 * 4096
    slots = [int.from_bytes(bytes[at + 520:at + 528], "little") for at in (0, 4096 + table)]
    return min(slots) >= 2**64 - 2


def segments(store, replica):
    """The bytes of each closed segment of a replica."""
    folder = os.path.join(store.dir, f"replica-{replica}", "data", "log")
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            bytes = file.read()
        if is_closed(bytes):
            found[name] = bytes
    return found


def check_digests(report, store):
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


def check_segments(report, store):
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


def check_sameness(report, store, events):
    """All replicas show the same, and hold the same, byte for byte; stops the store. How many closed segments were
    compared."""
    for replica in store.replicas[1:]:
        other = store.client(timeout=60, replica=replica).events()
        report.check(f"replica {replica} shows the same history", other == events, (len(other), len(events)))
    check_digests(report, store)
    store.stop()
    compared = check_segments(report, store)
    verified = store.command("verify", store.dir)
    report.check("every replica's log is whole", verified.returncode == 0, verified.stdout[-500:])
    return compared
