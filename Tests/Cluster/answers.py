"""Questions to the views, now or as of an instant, and their answers in a form in which two stores can be compared."""

import http.client
import json
import re
import time


def ask(client, question, asof=None, patience=20):
    """(status, body, position) of a question, a path and its parameters; asked again while nobody leads."""
    path, parameters = question
    parameters = dict(parameters) if asof is None else dict(parameters, asof=asof)
    deadline = time.monotonic() + patience
    while True:
        try:
            status, headers, body = client.get(path, **parameters)
            if status not in (503, 504, 429) and not (status == 200 and cut_short(body)) or time.monotonic() > deadline:
                return status, body, int(headers.get("chartlog-position", 0))
        except (OSError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def cut_short(body):
    """A list that ends with an error, since its replica went away, says so in its last line."""
    return body.rsplit(b"\n", 2)[-2:][0].startswith(b'{"error"')


def exact(answer):
    """What an answer says, to the letter, but for where it was asked."""
    status, body, position = answer
    if status != 200:
        return status, None, None
    return status, position, re.sub(rb'https://127\.0\.0\.1:\d+', b"", body).decode()


def content(answer):
    """What a view holds by an answer, without versions and times: what going back brings back."""
    status, body, _ = answer
    if status in (404, 410):
        return None
    if status != 200:
        return status, body[:200].decode("utf-8", "replace")
    said = json.loads(body)
    if said.get("resourceType") != "Bundle":
        return bare(said)
    return said.get("total"), [bare(entry["resource"]) for entry in said.get("entry", [])
                               if entry.get("search", {}).get("mode") != "outcome"]


def bare(resource):
    return {name: value for name, value in resource.items() if name != "meta"}


def version(answer):
    return int(json.loads(answer[1])["meta"]["versionId"]) if answer[0] == 200 else None


def about(subjects, histories=True):
    """Each of these patients and appointments, with its history."""
    found = []
    for subject in subjects:
        kind, id = subject.split("/")
        path = f"/fhir/{'Patient' if kind == 'patient' else 'Appointment'}/{id}"
        found.append((path, {}))
        if histories:
            found.append((path + "/_history", {"_count": 200}))
    return found


def searches(patients, practitioners, families=()):
    """Searches that each fit on one page."""
    found = [("/fhir/Appointment", {"patient": id, "_count": 200}) for id in patients]
    found += [("/fhir/Appointment", {"practitioner": id, "status": "booked,pending", "_count": 200}) for id in practitioners]
    found += [("/fhir/Patient", {"family": name, "_count": 200}) for name in families]
    return found


def is_history(question):
    return question[0].endswith("/_history")
