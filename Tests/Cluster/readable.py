"""Nothing readable at rest or in passing: names, identifiers, stream names and keys planted in a store are looked for,
in many spellings, in every byte under DIR/replica-*, in logs, metrics, error texts, and in what a loaded replica prints
when it crashes."""

import base64
import glob
import json
import os
import signal
import subprocess
import time
import urllib.parse

from harness import Report, Store, generated

PLANTED = {
    "family name": "Zwiebelknöpfle", "given name": "Quirinalda", "record number": "MRN-77731337",
    "patient id": "p-plantedq7", "stream name": "patient/p-plantedq7", "appointment id": "a-plantedz9",
    "telephone": "+4917790909077", "event source": "/clinic/planted-desk", "event id": "e7f1d1f0-9999-4a4a-8b8b-planted",
    "reason": "Planted-Migräne-Befund", "street": "Zwölfmorgenweg 99", "search word": "Suchwortgeplantet",
}


def spellings(text):
    """The ways in which a text could stand somewhere."""
    raw = text.encode()
    ways = {"plain": raw, "UTF-16LE": text.encode("utf-16-le"), "UTF-16BE": text.encode("utf-16-be"),
            "hex": raw.hex().encode(), "reversed": raw[::-1], "percent": urllib.parse.quote(text, safe="").encode(),
            "JSON escapes": json.dumps(text)[1:-1].encode()}
    # base64 of the text at each of the three offsets a byte can have in a triple.
    for shift in range(3):
        ways[f"base64+{shift}"] = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0:-4]
    # LZ4 copies literals: whatever it did not find before stands in plain pieces of a dozen bytes or so.
    if len(raw) >= 14:
        ways["a piece"] = raw[1:13]
        ways["another piece"] = raw[-12:]
    return {name: way for name, way in ways.items() if len(way) >= 7}


def main():
    report = Report("secrets")
    with Store() as store:
        keys = {f"{who} key": store.context(who)["key"] for who in ("service", "admin")}
        keys |= {f"{who} secret": key.split(".", 1)[1] for who, key in list(keys.items())}
        with open(os.path.join(store.dir, "root.key"), "rb") as file:
            root = file.read()
        store.start()
        client = store.client()
        errors = []

        def tell(*answer):
            if answer[0] >= 400:
                errors.append(repr(answer))
            return answer

        patient = {"resourceType": "Patient", "id": "p-plantedq7",
                   "identifier": [{"system": "urn:oid:1.2.3", "value": PLANTED["record number"]}],
                   "name": [{"family": PLANTED["family name"], "given": [PLANTED["given name"]]}],
                   "telecom": [{"system": "phone", "value": PLANTED["telephone"]}],
                   "address": [{"line": [PLANTED["street"]]}]}
        registered = {"specversion": "1.0", "id": PLANTED["event id"], "source": PLANTED["event source"],
                      "type": "patient.registered", "subject": PLANTED["stream name"],
                      "datacontenttype": "application/fhir+json", "data": patient}
        status, _, body = client.append(registered)
        report.check("the planted patient is taken", status == 201, body)
        booked = {"specversion": "1.0", "id": "planted-2", "source": PLANTED["event source"],
                  "type": "appointment.booked", "subject": "appointment/a-plantedz9",
                  "datacontenttype": "application/fhir+json",
                  "data": {"resourceType": "Appointment", "id": "a-plantedz9", "status": "booked",
                           "description": PLANTED["reason"], "start": "2031-01-02T10:00:00Z",
                           "end": "2031-01-02T10:30:00Z",
                           "participant": [{"actor": {"reference": "Patient/p-plantedq7"}, "status": "accepted"},
                                           {"actor": {"reference": "Practitioner/pr-planted"}, "status": "accepted"}]}}
        status, _, body = client.append(booked)
        report.check("the planted appointment is taken", status == 201, body)
        for batch in range(0, 1500, 100):
            client.append(generated(5, 60, 1500)[batch:batch + 100])

        # Searches, refusals and errors of every kind, all with planted words in them.
        client.get("/fhir/Patient", name=PLANTED["search word"])
        tell(*client.append(registered | {"data": dict(patient, birthDate="1999-01-01")}))
        tell(*client.append(registered | {"id": "planted-3"}))
        tell(*client.append(dict(booked, id="planted-4", subject="appointment/a-plantedz10",
                                 data=dict(booked["data"], id="a-plantedz10"))))
        tell(*client.append(dict(registered, id="planted-5", type="patient.contact-amended", expectedversion=9)))
        tell(*client.get("/fhir/Patient/p-plantedq7", asof="2001-01-01"))
        tell(*client.get("/fhir/Patient/" + urllib.parse.quote(PLANTED["family name"])))
        tell(*client.get("/v1/events", subject=PLANTED["search word"]))
        tell(*client.request("POST", "/v1/events", b'{"id": "' + PLANTED["family name"].encode(),
                             {"Content-Type": "application/cloudevents+json"}))
        tell(*client.request("GET", "/nowhere/" + urllib.parse.quote(PLANTED["family name"])))
        tell(*client.request("GET", "/fhir/Patient/p-plantedq7", headers={"Authorization": "Bearer nobody.nothing"}))
        tell(*client.request("GET", "/fhir/Patient/p-plantedq7", headers={"X-Purpose-Of-Use": None}))
        report.check("the refusals were refusals", len(errors) >= 8, len(errors))
        metrics = client.request("GET", "/metrics", headers={
            "Authorization": None, "Accept": "application/openmetrics-text"})[2]
        report.check("metrics are shown", b"# EOF" in metrics, metrics[:200])

        places = {"metrics": metrics, "error texts": "\n".join(errors).encode()}
        # An error may name the stream or the reference that the client itself has just sent.
        own = {"error texts": {"patient id", "stream name", "appointment id"}}

        def scan(title):
            count = size = 0
            for path in glob.glob(os.path.join(store.dir, "replica-*", "**"), recursive=True):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        places[os.path.relpath(path, store.dir)] = file.read()
            for where, bytes in places.items():
                count, size = count + 1, size + len(bytes)
                for what, text in (PLANTED | keys).items():
                    if what in own.get(where, ()):
                        continue
                    for way, spelt in spellings(text).items():
                        report.check(f"{title}: {what} ({way}) is nowhere in {where}", spelt not in bytes)
                report.check(f"{title}: the root key is not in {where}", root not in bytes and root.strip() not in bytes)
            print(f"  {title}: {count} places, {size:,} bytes looked through")

        scan("running")

        # A crash of the loaded replica: nothing is printed, no core is written.
        cores = set(glob.glob("/tmp/core*") + glob.glob("core*") + glob.glob(os.path.join(store.dir, "**", "core*"), recursive=True))
        for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL):
            pid = store.pid()
            with open(f"/proc/{pid}/limits") as limits:
                line = next(row for row in limits if row.startswith("Max core file size"))
            report.check("no core may be written", line.split()[4:6] == ["0", "0"], line)
            log = os.path.join(store.dir, "replica-1", "log")
            before = os.path.getsize(log) if os.path.exists(log) else 0
            os.kill(pid, number)
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                try:
                    if store.pid() != pid and client.get("/readyz")[0] == 200:
                        break
                except (OSError, ValueError, Exception):
                    time.sleep(0.05)
            report.check(f"it comes back after signal {number}", store.pid() != pid)
            with open(log, "rb") as file:
                file.seek(before)
                said = file.read()
            for mark in (b"Fatal error", b"Thread 0", b"Registers", b"rax", b"0x0000", b"*** "):
                report.check(f"a crash by signal {number} prints no {mark!r}", mark not in said, said[:300])
        after = set(glob.glob("/tmp/core*") + glob.glob("core*") + glob.glob(os.path.join(store.dir, "**", "core*"), recursive=True))
        report.check("the kernel wrote no core", after == cores, after - cores)

        # What the supervisor and the commands printed.
        shown = store.command("verify", store.dir)
        places["verify"] = shown.stdout + shown.stderr
        store.stop()
        scan("stopped")
        offline = subprocess.run(["grep", "-rl", "Zwiebelkn", store.dir], capture_output=True, text=True)
        report.check("grep finds no name in the whole store", offline.stdout == "", offline.stdout)
    report.end()


main()
