"""Writers who remember what was acknowledged to them, and what must be true of a store's history afterwards."""

import http.client
import json
import random
import threading
import time

from harness import merged

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
        turn = 0
        at = 0
        while not self.stopping:
            if at == len(self.events):
                self.another_clinic()
            batch = self.events[at:at + self.dice.choice([1, 1, 1, 3, 10])]
            while True:
                client = clients[turn % len(clients)]
                try:
                    status, _, body = client.append(batch if len(batch) > 1 else batch[0])
                except (OSError, http.client.HTTPException):
                    status = 0
                if status in (0, 503, 504, 429):
                    if self.stopping:
                        return
                    self.unknown += status in (0, 504)
                    turn += 1
                    if turn % len(clients) == 0:
                        time.sleep(self.pause)
                    continue
                break
            if status not in (200, 201):
                self.wrong.append((status, body[:300]))
                return
            self.times.append(time.monotonic())
            for event, answer in zip(batch, json.loads(body)["events"]):
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
        status, _, body = client.get(f"/fhir/{kind}/{id}")
        if resource is None:
            if status != 410:
                wrong.append((subject, status, "expected 410"))
        elif status != 200 or without_meta(json.loads(body)) != resource:
            wrong.append((subject, status, body[:200], resource))
    report.check("views equal an independent fold", not wrong, wrong[:2])
    return events, len(expected)
