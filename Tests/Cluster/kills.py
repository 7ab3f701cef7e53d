"""kill -9 under concurrent load: every acknowledged event is present, once, in order, and the views are what an
independent fold of the log gives. CHARTLOG_KILLS says how many times (30)."""

import http.client
import json
import os
import random
import threading
import time

from harness import Report, Store, generated, merged

KILLS = int(os.environ.get("CHARTLOG_KILLS", "30"))
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
    """Appends its own clinic's events in order, one or a few a request, and sends again what got no answer."""

    def __init__(self, store, number, events):
        super().__init__(daemon=True)
        self.store, self.number = store, number
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
        client = self.store.client(timeout=10)
        at = 0
        while not self.stopping:
            if at == len(self.events):
                self.another_clinic()
            batch = self.events[at:at + self.dice.choice([1, 1, 1, 3, 10])]
            while True:
                try:
                    status, _, body = client.append(batch if len(batch) > 1 else batch[0])
                except (OSError, http.client.HTTPException):
                    if self.stopping:
                        return
                    time.sleep(0.02)
                    continue
                if status in (503, 504, 429):
                    time.sleep(0.02)
                    continue
                break
            if status not in (200, 201):
                self.wrong.append((status, body[:300]))
                return
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


def main():
    report = Report("kills")
    with Store() as store:
        store.start()
        writers = [Writer(store, number, generated(100 + number, 40, 20000)) for number in range(6)]
        for writer in writers:
            writer.start()
        dice = random.Random(1)
        slowest = 0.0
        starved = []
        for number in range(KILLS):
            # Five deaths in a row within a second of the start, and the supervisor waits before the next one.
            time.sleep(1.1 if number % 4 == 3 else dice.uniform(0.02, 0.25))
            before = sum(len(writer.acknowledged) for writer in writers)
            store.kill9()
            killed = time.monotonic()
            while sum(len(writer.acknowledged) for writer in writers) == before:
                if time.monotonic() - killed > 30 or any(writer.wrong for writer in writers):
                    starved.append(number)
                    break
                time.sleep(0.005)
            slowest = max(slowest, time.monotonic() - killed)
            if starved:
                break
            if number % 25 == 24:
                print(f"  {number + 1} kills, {before} acknowledged", flush=True)
        report.check("appends go on after every kill", not starved, starved)
        for writer in writers:
            writer.stopping = True
        for writer in writers:
            writer.join(30)
        for writer in writers:
            report.check(f"writer {writer.number} is never refused", not writer.wrong, writer.wrong)

        client = store.client()
        events = client.events()
        positions = [int(event["position"]) for event in events]
        report.check("positions have no gap", positions == list(range(1, len(events) + 1)))
        ids = [event["id"] for event in events]
        report.check("no event stands twice", len(ids) == len(set(ids)))
        at = {event["id"]: event for event in events}
        acknowledged = 0
        missing, moved = [], []
        for writer in writers:
            last = 0
            for id, subject, version, position in writer.acknowledged:
                acknowledged += 1
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

        digests = json.loads(client.get("/v1/cluster")[2])["replicas"][0]["digests"]
        store.stop()
        store.start()
        after = json.loads(store.client().get("/v1/cluster")[2])["replicas"][0]["digests"]
        for view in ("patient", "appointment"):
            report.check(f"the {view} digest survives a restart", digests[view] == after[view], (digests, after))
        print(f"  {KILLS} kills, {acknowledged} events acknowledged, {len(events)} present, "
              f"{len(expected)} resources compared, longest wait for the next acknowledgement {slowest * 1000:.0f} ms")
    report.end()


main()
