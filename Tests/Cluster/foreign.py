"""Clients that others wrote: curl, Python's cloudevents SDK, a FHIR library, a reader of server-sent events. What this
machine lacks is fetched from PyPI into a folder of its own, or said as skipped."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from harness import Report, Store, generated

PACKAGES = ["cloudevents==1.11.0", "requests", "fhir.resources==7.1.0", "sseclient-py"]


def provided(report):
    """The Python of an environment that has the packages, or None."""
    folder = os.environ.get("CHARTLOG_VENV") or os.path.join(tempfile.gettempdir(), f"chartlog-venv-{os.getuid()}")
    python = os.path.join(folder, "bin", "python")
    mark = os.path.join(folder, "complete")
    if os.path.exists(mark):
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=120)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True, capture_output=True, timeout=300)
        open(mark, "w").close()
        return python
    except (subprocess.SubprocessError, OSError) as why:
        report.skip("cloudevents, fhir.resources, sseclient", f"they cannot be installed here ({type(why).__name__})")
        return None


SDK = '''
import json, os, sys, uuid, requests
from cloudevents.http import CloudEvent, from_json
from cloudevents.conversion import to_binary, to_structured
base, ca, key = sys.argv[1:4]
headers = {"Authorization": "Bearer " + key, "X-Purpose-Of-Use": "TREAT"}
def event(n):
    return CloudEvent({"type": "patient.registered", "source": "/sdk", "id": str(uuid.uuid4()), "subject": f"patient/sdk-{n}",
                       "datacontenttype": "application/fhir+json"},
                      {"resourceType": "Patient", "id": f"sdk-{n}", "name": [{"family": "Sdk Žižek", "given": ["Ann"]}]})
results = {}
for n, convert in ((1, to_structured), (2, to_binary)):
    h, body = convert(event(n))
    answer = requests.post(base + "/v1/events", headers={**headers, **h}, data=body, verify=ca)
    results[convert.__name__] = (answer.status_code, answer.text)
    again = requests.post(base + "/v1/events", headers={**headers, **h}, data=body, verify=ca)
    results[convert.__name__ + " again"] = (again.status_code, again.text)
read = requests.get(base + "/v1/events?subject=patient/sdk-2", headers={**headers, "Accept": "application/cloudevents-batch+json"}, verify=ca)
back = [from_json(json.dumps(e)) for e in read.json()]
results["read"] = (read.status_code, [(e["type"], e["subject"], e["streamversion"], e.data["name"][0]["family"]) for e in back])
print(json.dumps(results))
'''

FHIR = '''
import json, sys, requests
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
base, ca, key, patient = sys.argv[1:5]
headers = {"Authorization": "Bearer " + key, "X-Purpose-Of-Use": "TREAT", "Accept": "application/fhir+json"}
def get(path, model):
    answer = requests.get(base + path, headers=headers, verify=ca)
    try:
        parsed = model.parse_raw(answer.text)
        return [answer.status_code, answer.headers.get("content-type", ""), "ok", getattr(parsed, "total", None), len(getattr(parsed, "entry", None) or [])]
    except Exception as why:
        return [answer.status_code, answer.headers.get("content-type", ""), str(why)[:600], answer.text[:300], 0]
print(json.dumps({
    "metadata": get("/fhir/metadata", CapabilityStatement),
    "patient": get("/fhir/Patient/" + patient, Patient),
    "history": get("/fhir/Patient/" + patient + "/_history", Bundle),
    "patients": get("/fhir/Patient?name=a&_count=20", Bundle),
    "appointments": get("/fhir/Appointment?patient=" + patient, Bundle),
    "audit": get("/fhir/AuditEvent?patient=" + patient, Bundle),
    "missing": get("/fhir/Patient/nobody", OperationOutcome),
}))
'''

SSE = '''
import json, sys, requests, sseclient
base, ca, key, last = sys.argv[1:5]
headers = {"Authorization": "Bearer " + key, "X-Purpose-Of-Use": "TREAT", "Accept": "text/event-stream"}
if last != "-": headers["Last-Event-ID"] = last
answer = requests.get(base + "/v1/events?follow=true", headers=headers, verify=ca, stream=True, timeout=20)
seen = []
for event in sseclient.SSEClient(answer).events():
    if not event.data: continue
    data = json.loads(event.data)
    if "specversion" in data:
        seen.append((event.id, data["position"]))
        print(json.dumps(seen[-1]), flush=True)
    if len(seen) == 5: break
'''


def main():
    report = Report("foreign clients")
    with Store() as store:
        store.start()
        client = store.client()
        ca, key, base = os.path.join(store.dir, "ca.pem"), store.context()["key"], f"https://127.0.0.1:{store.port}"

        if shutil.which("curl"):
            def curl(*arguments):
                return subprocess.run(
                    ["curl", "-sS", "--cacert", ca, "-H", f"Authorization: Bearer {key}", "-H", "X-Purpose-Of-Use: TREAT",
                     *arguments], capture_output=True, text=True, timeout=60)
            event = {"specversion": "1.0", "id": "7b1e", "source": "/clinic/front-desk", "type": "patient.registered",
                     "subject": "patient/p-81f3", "expectedversion": 0, "datacontenttype": "application/fhir+json",
                     "data": {"resourceType": "Patient", "id": "p-81f3",
                              "name": [{"family": "Okafor", "given": ["Adaeze"]}], "birthDate": "1984-02-29"}}
            answer = curl("-H", "Chartlog-On-Behalf-Of: Practitioner/pr-7", "-H", "Content-Type: application/cloudevents+json",
                          base + "/v1/events", "-d", json.dumps(event))
            said = json.loads(answer.stdout or "{}")
            report.check("curl appends the example of the design", said.get("position") == 1 and said["events"][0]["version"] == 1, answer)
            answer = curl("-w", "%{http_code}", "-o", os.devnull, "-H", "Content-Type: application/cloudevents+json",
                          base + "/v1/events", "-d", json.dumps(event))
            report.check("its repeat is 200", answer.stdout == "200", answer)
            binary = curl("-H", "ce-specversion: 1.0", "-H", "ce-id: bin-1", "-H", "ce-source: /curl", "-H", "ce-type: patient.contact-amended",
                          "-H", "ce-subject: patient/p-81f3", "-H", "Content-Type: application/merge-patch+json",
                          base + "/v1/events", "-d", '{"telecom":[{"system":"phone","value":"+35312345678"}]}')
            report.check("curl appends in binary mode", '"version":2' in binary.stdout.replace(" ", ""), binary)
            shown = curl("-i", base + "/fhir/Patient/p-81f3")
            report.check("curl reads the patient with an ETag", 'W/"2"' in shown.stdout and "+35312345678" in shown.stdout, shown)
            asof = curl(base + "/fhir/Patient/p-81f3?asof=1")
            report.check("and as of position 1", "+35312345678" not in asof.stdout and "Okafor" in asof.stdout, asof)
            head = curl("-I", base + "/livez")
            report.check("curl asks for heads", "200" in head.stdout.split("\n")[0], head)
            lines = curl("--compressed", base + "/v1/events")
            report.check("curl reads NDJSON to its end", '"end"' in lines.stdout.strip().split("\n")[-1], lines)
            plain = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{store.port}/livez"], capture_output=True)
            report.check("nothing is served without TLS", plain.returncode != 0, plain)
            old = subprocess.run(["curl", "-sS", "--tls-max", "1.2", "--cacert", ca, base + "/livez"], capture_output=True)
            report.check("TLS 1.2 is refused", old.returncode != 0, old)
        else:
            report.skip("curl", "it is not installed")

        events = generated(9, 60, 1200)
        for at in range(0, 1200, 100):
            status, _, body = client.append(events[at:at + 100])
            if not report.check("the clinic's events are taken", status == 201, body[:300]):
                break

        python = provided(report)
        if python:
            def run(script, *arguments, **more):
                return subprocess.run([python, "-c", script, base, ca, key, *arguments], capture_output=True, text=True, timeout=120, **more)

            out = run(SDK)
            if report.check("the cloudevents SDK runs", out.returncode == 0, out.stderr[-600:]):
                said = json.loads(out.stdout)
                report.check("SDK: structured is 201", said["to_structured"][0] == 201, said["to_structured"])
                report.check("SDK: structured again is 200", said["to_structured again"][0] == 200, said["to_structured again"])
                report.check("SDK: binary is 201", said["to_binary"][0] == 201, said["to_binary"])
                report.check("SDK: binary again is 200", said["to_binary again"][0] == 200, said["to_binary again"])
                report.check("SDK: what it reads back is what it sent", said["read"] == [200, [["patient.registered", "patient/sdk-2", 1, "Sdk Žižek"]]], said["read"])

            patient = next(
                event["data"]["participant"][0]["actor"]["reference"].split("/")[1] for event in events
                if event["type"] == "appointment.booked" and "participant" in event["data"])
            out = run(FHIR, patient)
            if report.check("the FHIR library runs", out.returncode == 0, out.stderr[-600:]):
                for what, (status, kind, verdict, total, entries) in json.loads(out.stdout).items():
                    report.check(f"FHIR: {what} is {'404' if what == 'missing' else '200'}", status == (404 if what == "missing" else 200), status)
                    report.check(f"FHIR: {what} is valid R4", verdict == "ok", (verdict, total))
                    report.check(f"FHIR: {what} says so", kind.startswith("application/fhir+json"), kind)
                    if what in ("history", "patients", "appointments", "audit"):
                        report.check(f"FHIR: {what} has entries", entries > 0, (total, entries))

            # The server ends connections that were idle for long, and installing may take long.
            client.close()
            last = int(json.loads(client.get("/v1/cluster")[2])["position"])
            follower = subprocess.Popen([python, "-c", SSE, base, ca, key, str(last)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            got = []
            reader = threading.Thread(target=lambda: got.extend(follower.stdout), daemon=True)
            reader.start()
            time.sleep(2)
            for n in range(8):
                client.append({"specversion": "1.0", "id": f"sse-{n}", "source": "/sse", "type": "patient.registered",
                               "subject": f"patient/sse-{n}", "datacontenttype": "application/fhir+json",
                               "data": {"resourceType": "Patient", "id": f"sse-{n}"}})
            try:
                follower.wait(20)
            except subprocess.TimeoutExpired:
                follower.kill()
            reader.join(5)
            rows = [json.loads(line) for line in got]
            report.check("an SSE client follows from Last-Event-ID", len(rows) == 5 and [int(r[0]) for r in rows] == list(range(last + 1, last + 6)) and all(r[0] == r[1] for r in rows), (rows, follower.stderr.read()[-300:] if len(rows) != 5 else ""))
    report.end()


main()
