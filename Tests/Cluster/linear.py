"""What clients of real processes were told, judged by the check that judges the simulator's worlds: is there one order of
all operations that each answer and real time agree with? See Sources/Simulator/Clients/HistoryText.swift."""

import datetime
import http.client
import json
import os
import random
import subprocess
import tempfile
import threading
import time

from harness import binary

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def now():
    return time.monotonic_ns() // 1000


def stamp(text):
    """Microseconds since 1970."""
    return (datetime.datetime.fromisoformat(text) - EPOCH) // datetime.timedelta(microseconds=1)


class Told(list):
    """One client's operations, as it goes on: tuples that `check_linear` writes down."""

    def append_done(self, begun, batch, answer):
        self.append(("append", begun, now(), sent(batch), "done",
                     [(event["version"], event["position"], event["recordedtime"]) for event in answer["events"]]))

    def append_refused(self, begun, batch, answer):
        self.append(("append", begun, now(), sent(batch), "conflicts",
                     [(told["subject"], told["expected"], told["actual"]) for told in answer["conflicts"]]))

    def append_unknown(self, begun, batch):
        self.append(("append", begun, now(), sent(batch), "unknown", []))

    def look(self, begun, subject, resource, position):
        meta = resource["meta"]
        self.append(("look", begun, now(), subject, "shown", (int(meta["versionId"]), meta["lastUpdated"], position)))

    def look_missing(self, begun, subject):
        self.append(("look", begun, now(), subject, "missing", ()))

    def scan(self, begun, after, position, lines):
        shown, through = [], None
        for line in lines:
            event = json.loads(line)
            if "end" in event:
                through = int(event["end"]["position"])
            elif "error" not in event:
                shown.append((event["id"], event["streamversion"], int(event["position"]), event["recordedtime"]))
        self.append(("scan", begun, now(), after, position, through, shown))


def sent(batch):
    return [(event["id"], event["subject"], event.get("expectedversion")) for event in batch]


class Rival(threading.Thread):
    """Changes patients whom its rivals change as well, each time expecting the version it knows last: of two who expect
    the same one is refused, and told of the other."""

    STREAMS = 3

    def __init__(self, store, number):
        super().__init__(daemon=True)
        self.store, self.number = store, number
        self.dice = random.Random(2000 + number)
        self.told = Told()
        self.events, self.acknowledged, self.wrong, self.times = [], [], [], []
        self.conflicts = self.unknown = 0
        self.stopping = False

    def event(self, at, known):
        made = {"specversion": "1.0", "id": f"rival-{self.number}-{len(self.events)}", "source": "/rivals",
                "subject": f"patient/rivalled-{at}", "expectedversion": known}
        if known == 0:
            made.update(type="patient.registered", datacontenttype="application/fhir+json",
                        data={"resourceType": "Patient", "id": f"rivalled-{at}", "name": [{"family": "Plain"}],
                              "birthDate": "1984-02-29"})
        elif len(self.events) % 200 == 0:
            # A read opens what came since the newest whole resource; no patient has tens of thousands of patches.
            made.update(type="patient.contact-amended", datacontenttype="application/fhir+json",
                        data={"resourceType": "Patient", "id": f"rivalled-{at}", "name": [{"family": "Plain"}],
                              "birthDate": "1984-02-29",
                              "telecom": [{"system": "phone", "value": f"{self.number}-{len(self.events)}"}]})
        else:
            made.update(type="patient.contact-amended", datacontenttype="application/merge-patch+json",
                        data={"telecom": [{"system": "phone", "value": f"{self.number}-{len(self.events)}"}]})
        self.events.append(made)
        return made

    def run(self):
        clients = [self.store.client(timeout=2.5, replica=replica) for replica in self.store.replicas]
        known = [0] * self.STREAMS
        while not self.stopping:
            at = self.dice.randrange(self.STREAMS)
            event = self.event(at, known[at])
            begun, isUncertain, body = now(), False, b""
            while True:
                try:
                    status, _, body = self.dice.choice(clients).append(event)
                except (OSError, http.client.HTTPException):
                    status = 0
                isUncertain = isUncertain or status in (0, 504)
                if status not in (0, 503, 504, 429):
                    break
                self.unknown += status in (0, 504)
                if self.stopping:
                    return self.told.append_unknown(begun, [event])
                time.sleep(0.005)
            answer = json.loads(body)
            if status in (200, 201):
                self.told.append_done(begun, [event], answer)
                done = answer["events"][0]
                self.acknowledged.append((event["id"], event["subject"], done["version"], done["position"]))
                known[at] = done["version"]
            elif status == 409 and "conflicts" in answer:
                self.conflicts += 1
                if isUncertain:
                    self.told.append_unknown(begun, [event])
                else:
                    self.told.append_refused(begun, [event], answer)
                known[at] = answer["conflicts"][0]["actual"]
            else:
                self.wrong.append((status, body[:300]))
                return
            time.sleep(self.dice.uniform(0, 0.02))


def check_linear(report, threads, events):
    """All that the threads were told, and the log as it is at the end."""
    streams, numbers = {}, {}

    def stream(subject):
        return streams.setdefault(subject, len(streams))

    def number(id):
        return numbers.setdefault(id, len(numbers))

    operations = 0
    with tempfile.NamedTemporaryFile("w", suffix=".history") as file:
        for event in events:
            file.write(f"event {number(event['id'])} {stream(event['subject'])} {event['streamversion']} "
                       f"{stamp(event['recordedtime'])}\n")
        for client, thread in enumerate(threads):
            for kind, begun, ended, *rest in thread.told:
                operations += 1
                words = [kind, client, begun, ended]
                if kind == "append":
                    batch, outcome, told = rest
                    words.append(len(batch))
                    for id, subject, expected in batch:
                        words += [number(id), stream(subject), "-" if expected is None else expected]
                    words.append(outcome)
                    for one in told:
                        words += [one[0], one[1], stamp(one[2])] if outcome == "done" else [stream(one[0]), *one[1:]]
                elif kind == "look":
                    subject, outcome, told = rest
                    words += [stream(subject), outcome]
                    if told:
                        words += [told[0], stamp(told[1]), told[2]]
                else:
                    after, position, through, shown = rest
                    words += ["-", after, position, "-" if through is None else through]
                    for id, version, place, time in shown:
                        words += [number(id), version, place, stamp(time)]
                file.write(" ".join(map(str, words)) + "\n")
        file.flush()
        judged = subprocess.run([binary("chartlog-simulate"), "--history", file.name], capture_output=True, text=True)
        if not report.check("what clients were told has one order (linearizable)", judged.returncode == 0,
                            (judged.stdout + judged.stderr).strip()):
            kept = os.path.join(tempfile.gettempdir(), f"failed-{os.getpid()}.history")
            with open(file.name) as text, open(kept, "w") as copy:
                copy.write(text.read())
            print(f"  the history is kept in {kept}", flush=True)
    return operations
