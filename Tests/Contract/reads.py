"""Reading: the log's events, the views as FHIR, as of any instant or position, and the records of who read."""

import json
import re
import threading
import time
import urllib.parse

from common import Raw, Report, Store, appointment, expectation, patch, patient, problem, told


def lines(answer):
    return [json.loads(line) for line in answer[2].splitlines()]


def events(answer):
    return [line for line in lines(answer) if "specversion" in line]


def main():
    report = Report("reads")
    expect = expectation(report)
    with Store() as store:
        store.start()
        client = store.client()
        empty = client.get("/v1/events")
        report.check("an empty log ends at once", empty[0] == 200 and lines(empty) == [{"end": {"position": 0, "more": False}}], empty[2])
        expect("as of an instant before the first event", client.get("/fhir/Patient/p-1", asof="2020-01-01T00:00:00Z"), (400, 404))
        stamps = {}
        def put(events):
            answer = client.append(events)
            report.check("loaded", answer[0] == 201, answer)
            for event in told(answer).get("events", []):
                stamps[event["position"]] = event["recordedtime"]
            time.sleep(0.002)
        telecom = lambda n: [{"system": "phone", "value": n}]
        put(patient("p-1", data={"identifier": [{"system": "urn:mrn", "value": "M|1"}], "name": [{"family": "Okafor", "given": ["Adaeze", "Änne"]}], "telecom": telecom("+44 20 7946 0001"), "gender": "female"}))     # 1
        put(patient("p-2", data={"name": [{"family": "Ökonom", "given": ["Bob"]}], "birthDate": "1990-07-01", "gender": "male"}))                                 # 2
        put([patch("patient/p-1", "patient.contact-amended", {"telecom": telecom("111")}, "b3"), appointment("a-1"), patient("p-3", data={"birthDate": "1990-07"})])  # 3 4 5
        put(patch("appointment/a-1", "appointment.arrived", None, "b6"))                                                                                    # 6
        put(patch("patient/p-1", "patient.contact-amended", {"telecom": telecom("222")}, "b7"))                                                              # 7
        put(appointment("a-2", who="p-2", practitioner="pr-2", start="2031-03-04T23:30:00Z", end="2031-03-05T00:30:00Z", location="room-1"))               # 8

        # ── events
        everything = client.get("/v1/events")
        report.check("events as NDJSON", everything[1]["content-type"].startswith("application/x-ndjson") and [e["position"] for e in events(everything)] == [str(n) for n in range(1, 9)], everything[2][:200])
        report.check("NDJSON ends with its end", lines(everything)[-1] == {"end": {"position": 8, "more": False}}, lines(everything)[-1])
        report.check("an answer names its position", everything[1].get("chartlog-position") == "8", everything[1])
        report.check("a read event's instants", [e["recordedtime"] for e in events(everything)] == [stamps[n] for n in range(1, 9)])
        report.check("actor is there and no secret", events(everything)[0]["actor"] and store.context()["key"].split(".")[1].encode() not in everything[2], events(everything)[0]["actor"])
        sent = patient("p-2", data={"name": [{"family": "Ökonom", "given": ["Bob"]}], "birthDate": "1990-07-01", "gender": "male"})
        read = {k: v for k, v in events(everything)[1].items() if k not in ("position", "streamversion", "recordedtime", "actor")}
        report.check("an event comes back as it was sent", read == sent, read)
        positions = lambda **p: [int(e["position"]) for e in events(client.get("/v1/events", **p))]
        for what, parameters, wanted in (
            ("subject, exact", dict(subject="patient/p-1"), [1, 3, 7]), ("subject, prefix", dict(subject="appointment/"), [4, 6, 8]),
            ("a subject that is no stream", dict(subject="patient/none"), []), ("a subject is not a prefix without its /", dict(subject="patient/p"), []),
            ("one type", dict(type="appointment.arrived"), [6]), ("two types", dict(type=["appointment.arrived", "patient.registered"]), [1, 2, 5, 6]),
            ("after and before", dict(after=2, before=6), [3, 4, 5]), ("order desc", dict(order="desc", limit=3), [8, 7, 6]), ("desc with after", dict(order="desc", after=5), [8, 7, 6]),
            ("desc with before", dict(order="desc", before=3), [2, 1]),
            ("since", dict(since=stamps[6]), [6, 7, 8]), ("until", dict(until=stamps[3]), [1, 2, 3, 4, 5]), ("since and until", dict(since=stamps[2], until=stamps[6]), [2, 3, 4, 5, 6]),
            ("after the end", dict(after=8), []), ("after far beyond the end", dict(after=10**12), []), ("limit", dict(limit=2), [1, 2]), ("a type of nobody", dict(type="x.y"), []),
            ("subject and type", dict(subject="patient/", type="patient.contact-amended"), [3, 7]), ("asof an instant", dict(asof=stamps[2]), [1, 2]), ("asof a position", dict(asof=5), [1, 2, 3, 4, 5])):
            answer = client.get("/v1/events", **parameters)
            report.check(what, answer[0] == 200 and [int(e["position"]) for e in events(answer)] == wanted, (answer[0], answer[2][-300:]))
        report.check("more is told", lines(client.get("/v1/events", limit=2))[-1] == {"end": {"position": 2, "more": True}}, lines(client.get("/v1/events", limit=2))[-1])
        report.check("after the last of a filter there is no more", lines(client.get("/v1/events", subject="patient/p-1", limit=3))[-1]["end"]["more"] is False, lines(client.get("/v1/events", subject="patient/p-1", limit=3))[-1])
        for what, parameters in (("limit 0", dict(limit=0)), ("limit 10001", dict(limit=10001)), ("limit of words", dict(limit="ten")), ("limit -1", dict(limit=-1)), ("order sideways", dict(order="up")),
            ("follow and desc", dict(follow="true", order="desc")), ("follow and before", dict(follow="true", before=3)), ("follow and until", dict(follow="true", until=stamps[1])), ("after of words", dict(after="x")), ("after -1", dict(after=-1)),
            ("since without offset", dict(since="2026-01-01T00:00:00")), ("since a date", dict(since="2026-01-01")), ("an unknown parameter", dict(subjekt="x")), ("limit twice", dict(limit=[1, 2])), ("follow maybe", dict(follow="maybe")),
            ("a position inside a transaction", dict(asof=4)), ("asof the future", dict(asof="2199-01-01T00:00:00Z")), ("asof without offset", dict(asof="2026-01-01T00:00:00")), ("asof a later position", dict(asof=99)), ("asof 0x1", dict(asof="0x1")), ("asof twice", dict(asof=[1, 2]))):
            expect(what, client.get("/v1/events", **parameters), 400)
        report.check("a position inside a transaction names its neighbours", (lambda said: "2" in said and "5" in said)(client.get("/v1/events", asof=4)[2].decode()), client.get("/v1/events", asof=4)[2])
        plus = stamps[2].replace("Z", "+00:00")
        answer = client.request("GET", f"/v1/events?asof={plus}")
        report.check("+ in a query is itself", answer[0] == 200 and [e["position"] for e in events(answer)] == ["1", "2"], answer[2][:300])
        answer = client.request("GET", f"/v1/events?asof={plus.replace('+', '%2B')}")
        report.check("and encoded as well", answer[0] == 200 and len(events(answer)) == 2, answer[2][:300])

        batch = client.request("GET", "/v1/events?limit=3", headers={"Accept": "application/cloudevents-batch+json"})
        report.check("a batch on request", batch[0] == 200 and batch[1]["content-type"].startswith("application/cloudevents-batch+json") and isinstance(json.loads(batch[2]), list) and len(json.loads(batch[2])) == 3, batch)
        array = client.request("GET", "/v1/events?limit=3", headers={"Accept": "application/json"})
        report.check("an array on request", array[0] == 200 and array[1]["content-type"].startswith("application/json") and len(json.loads(array[2])) == 3, array)
        for accept, wanted in (("*/*", "application/x-ndjson"), ("application/*", "application/"), ("text/event-stream;q=0.5, application/x-ndjson", "application/x-ndjson"), ("text/event-stream, */*;q=0.1", "text/event-stream"), ("application/x-ndjson;q=0, */*", "")):
            answer = client.request("GET", "/v1/events?limit=1", headers={"Accept": accept})
            report.check(f"Accept {accept}", answer[0] == 200 and answer[1]["content-type"].startswith(wanted) and not (";q=0," in accept and "ndjson" in answer[1]["content-type"]), answer)
            if "event-stream" in answer[1]["content-type"]:
                client.close()
        expect("an Accept nobody can fill", client.request("GET", "/v1/events?limit=1", headers={"Accept": "image/png"}), 406)

        # ── SSE and follow
        host = f"127.0.0.1:{store.port}"
        auth = f"Host: {host}\r\nAuthorization: Bearer {store.context()['key']}\r\nX-Purpose-Of-Use: TREAT\r\n"
        def stream(target, more="", seconds=1.5, during=None):
            line = Raw(store, timeout=seconds)
            line.say(f"GET {target} HTTP/1.1\r\n{auth}{more}\r\n")
            if during:
                threading.Timer(0.4, during).start()
            began = time.monotonic()
            while time.monotonic() - began < seconds and line.more():
                line.socket.settimeout(max(0.05, seconds - (time.monotonic() - began)))
            data = line.rest
            line.close()
            return data.decode("utf-8", "replace")
        sse = stream("/v1/events?after=5&follow=true", "Accept: text/event-stream\r\n", during=lambda: store.client().append(patch("patient/p-2", "patient.contact-amended", {"telecom": telecom("333")}, "b9")))
        ids = re.findall(r"^id: ?(\d+)\r?$", sse, re.M)
        report.check("SSE ids are positions, live", [i for i in ids] [:4] == ["6", "7", "8", "9"] or set(["6", "7", "8", "9"]) <= set(ids), sse[-600:])
        report.check("SSE says caught up", "caughtup" in sse or "caught-up" in sse, sse[-600:])
        report.check("SSE content type", "text/event-stream" in sse.split("\r\n\r\n")[0])
        resumed = stream("/v1/events?follow=true", "Accept: text/event-stream\r\nLast-Event-ID: 7\r\n", seconds=1)
        report.check("SSE resumes after Last-Event-ID", [i for i in re.findall(r"^id: ?(\d+)\r?$", resumed, re.M)][:2] == ["8", "9"], resumed[-500:])
        both = stream("/v1/events?follow=true&after=2", "Accept: text/event-stream\r\nLast-Event-ID: 7\r\n", seconds=1)
        report.check("Last-Event-ID comes before after", [i for i in re.findall(r"^id: ?(\d+)\r?$", both, re.M)][:1] == ["8"], both[-500:])
        bad = Raw(store); bad.say(f"GET /v1/events?follow=true HTTP/1.1\r\n{auth}Accept: text/event-stream\r\nLast-Event-ID: seven\r\n\r\n")
        expect("a Last-Event-ID that is none", bad.hear(), 400); bad.close()
        sse = stream("/v1/events?after=5", "Accept: text/event-stream\r\n", seconds=1)
        report.check("SSE without follow has its events", re.findall(r"^id: ?(\d+)\r?$", sse, re.M)[:4] == ["6", "7", "8", "9"], sse[-400:])
        follow = stream("/v1/events?after=6&follow=true", during=lambda: store.client().append(patch("patient/p-2", "patient.contact-amended", {"telecom": telecom("444")}, "b10")))
        body = "".join(part for part in re.split(r"\r\n[0-9a-f]+\r\n", "\r\n" + follow.split("\r\n\r\n", 1)[1]))
        found = [json.loads(l) for l in body.replace("\r", "").split("\n") if l.startswith("{")]
        kinds = [f.get("position") if "specversion" in f else ("caughtup", f["caughtup"]["position"]) if "caughtup" in f else f for f in found]
        report.check("follow: history, caught up, live", kinds[:4] == ["7", "8", "9", ("caughtup", 9)] and "10" in kinds, kinds)
        follow = stream("/v1/events?follow=true&limit=2", seconds=1)
        report.check("follow's limit bounds what comes before caught up", follow.count('"specversion"') == 2, follow[-700:])
        filtered = stream("/v1/events?follow=true&subject=patient/p-1&after=7", during=lambda: store.client().append([patch("patient/p-2", "patient.contact-amended", {"telecom": telecom("555")}, "b11"), patch("patient/p-1", "patient.contact-amended", {"telecom": telecom("666")}, "b12")]))
        report.check("follow filters", filtered.count('"specversion"') == 1 and "666" in filtered, filtered[-500:])

        # ── FHIR
        one = client.get("/fhir/Patient/p-1")
        said = told(one)
        report.check("a patient", one[0] == 200 and said.get("resourceType") == "Patient" and said.get("telecom") == telecom("666") and said.get("id") == "p-1", said)
        report.check("ETag is the version", one[1].get("etag") == 'W/"4"' and said["meta"]["versionId"] == "4", (one[1], said.get("meta")))
        report.check("Last-Modified and lastUpdated", "last-modified" in one[1] and said["meta"].get("lastUpdated"), one[1])
        report.check("FHIR's media type", one[1]["content-type"].startswith("application/fhir+json"), one[1])
        report.check("FHIR answers name their position", one[1].get("chartlog-position") == "12", one[1])
        unchanged = client.request("GET", "/fhir/Patient/p-1", headers={"If-None-Match": 'W/"4"'})
        report.check("304", unchanged[0] == 304 and unchanged[2] == b"" and unchanged[1].get("etag") == 'W/"4"', unchanged)
        expect("304 by *", client.request("GET", "/fhir/Patient/p-1", headers={"If-None-Match": "*"}), 304)
        expect("304 by a strong tag and a list", client.request("GET", "/fhir/Patient/p-1", headers={"If-None-Match": '"9", "4"'}), 304)
        expect("no 304 for another version", client.request("GET", "/fhir/Patient/p-1", headers={"If-None-Match": 'W/"3"'}), 200)
        expect("If-Modified-Since", client.request("GET", "/fhir/Patient/p-1", headers={"If-Modified-Since": one[1].get("last-modified", "")}), (200, 304))
        missing = client.get("/fhir/Patient/none")
        expect("a patient who is not there", missing, 404)
        report.check("FHIR's errors are OperationOutcomes", told(missing).get("resourceType") == "OperationOutcome" and missing[1]["content-type"].startswith("application/fhir+json") and told(missing)["issue"][0]["code"] == "not-found", missing)
        for version, phone in ((1, "+44 20 7946 0001"), (2, "111"), (3, "222"), (4, "666")):
            answer = client.get(f"/fhir/Patient/p-1/_history/{version}")
            report.check(f"version {version}", answer[0] == 200 and told(answer)["telecom"] == telecom(phone) and answer[1].get("etag") == f'W/"{version}"', answer)
        expect("version 5", client.get("/fhir/Patient/p-1/_history/5"), 404)
        expect("version 0", client.get("/fhir/Patient/p-1/_history/0"), (400, 404))
        history = client.get("/fhir/Patient/p-1/_history")
        bundle = told(history)
        report.check("history is newest first", bundle.get("type") == "history" and [e["resource"]["meta"]["versionId"] for e in bundle["entry"]] == ["4", "3", "2", "1"] and all("request" in e and "response" in e for e in bundle["entry"]) and bundle.get("total") == 4, bundle)
        report.check("history of one made then", len(told(client.get("/fhir/Patient/p-1/_history", asof=stamps[3])).get("entry", [])) == 2)

        # as of
        for asof, version in ((stamps[1], "1"), (1, "1"), (stamps[2], "1"), (stamps[3], "2"), (5, "2"), (6, "2"), (stamps[7], "3"), (7, "3")):
            answer = client.get("/fhir/Patient/p-1", asof=asof)
            report.check(f"as of {asof}", answer[0] == 200 and told(answer)["meta"]["versionId"] == version and answer[1].get("etag") == f'W/"{version}"', answer)
        first = client.get("/fhir/Patient/p-1", asof=stamps[3]); second = client.get("/fhir/Patient/p-1", asof=stamps[3])
        report.check("as-of is repeatable", first[2] == second[2] and first[1].get("chartlog-position") == second[1].get("chartlog-position") == "5", (first[1], second[1]))
        expect("a stream not yet made then", client.get("/fhir/Patient/p-2", asof=1), 404)
        expect("as of a position inside a transaction", client.get("/fhir/Patient/p-1", asof=3), 400)
        expect("as of a position inside a transaction, search", client.get("/fhir/Patient", asof=4), 400)
        for what, asof in (("before the first event", "2001-01-01T00:00:00Z"), ("the future", "2199-01-01T00:00:00Z"), ("no offset", "2026-01-01T00:00:00"), ("a date", "2026-01-01"), ("words", "yesterday"), ("a position to come", "13"), ("a negative one", "-1"), ("a month 13", "2026-13-01T00:00:00Z"), ("empty", "")):
            for path in ("/fhir/Patient/p-1", "/fhir/Patient", "/fhir/Patient/p-1/_history", "/fhir/Appointment", "/fhir/AuditEvent", "/v1/events"):
                if what == "before the first event" and path in ("/fhir/AuditEvent",):
                    continue
                expect(f"{path} as of {what}", client.get(path, asof=asof), (400, 404) if what == "before the first event" else 400)
        offset = client.request("GET", "/fhir/Patient/p-1?asof=" + stamps[3].replace("Z", "+00:00"))
        report.check("as of an instant with another offset", told(offset).get("meta", {}).get("versionId") == "2", offset)
        fine = stamps[3][:-1] + "999Z"
        answer = client.get("/fhir/Patient/p-1", asof=fine)
        report.check("as of nanoseconds", answer[0] in (200, 400) and (answer[0] == 400 or told(answer)["meta"]["versionId"] == "2"), answer)
        expect("as of position 0", client.get("/fhir/Patient/p-1", asof=0), (400, 404))

        # search
        def found(path, how="GET", **parameters):
            if how == "GET":
                answer = client.get(path, **parameters)
            else:
                answer = client.request("POST", path + "/_search", urllib.parse.urlencode(parameters, doseq=True).encode(), {"Content-Type": "application/x-www-form-urlencoded"})
            said = told(answer)
            if answer[0] != 200:
                return answer[0], answer[2][:200]
            return sorted(e["resource"]["id"] for e in said.get("entry", []) if e.get("search", {}).get("mode") == "match")
        P = "/fhir/Patient"
        for parameters, wanted in ((dict(family="okafor"), ["p-1"]), (dict(family="oka"), ["p-1"]), (dict(name="anne"), ["p-1"]), (dict(name="okonom"), ["p-2"]), (dict(given="bob"), ["p-2"]), (dict(identifier="urn:mrn|M\\|1"), ["p-1"]), (dict(identifier="M\\|1"), ["p-1"]), (dict(identifier="urn:other|M\\|1"), []),
            (dict(birthdate="1984-02-29"), ["p-1"]), (dict(birthdate="1990"), ["p-2", "p-3"]), (dict(birthdate="1990-07"), ["p-2", "p-3"]), (dict(birthdate="ge1990-01-01"), ["p-2", "p-3"]), (dict(birthdate=["ge1984", "lt1990"]), ["p-1"]), (dict(phone="555"), ["p-2"]), (dict(phone="666"), ["p-1"]), (dict(phone="111"), []),
            (dict(_id="p-1,p-3"), ["p-1", "p-3"]), (dict(family="okafor,ökonom"), ["p-1", "p-2"]), ({"family:exact": "Okafor"}, ["p-1"]), ({"family:exact": "okafor"}, []), ({"family:contains": "afo"}, ["p-1"]), (dict(family="zzz"), []), (dict(), ["p-1", "p-2", "p-3"]), (dict(family="okafor", birthdate="1990"), [])):
            for how in ("GET", "POST"):
                report.check(f"{how} Patient {parameters}", found(P, how, **parameters) == wanted, found(P, how, **parameters))
        report.check("search as of then", found(P, phone="111", asof=stamps[3]) == ["p-1"] and found(P, asof=2) == ["p-1", "p-2"], (found(P, phone="111", asof=stamps[3]), found(P, asof=2)))
        report.check("asof in a POST body", found(P, "POST", phone="111", asof=stamps[3]) == ["p-1"], found(P, "POST", phone="111", asof=stamps[3]))
        expect("an unknown search parameter", client.get(P, shoesize="44"), 400)
        lenient = client.request("GET", P + "?shoesize=44", headers={"Prefer": "handling=lenient"})
        expect("an unknown search parameter, lenient", lenient, 200)
        A = "/fhir/Appointment"
        for parameters, wanted in ((dict(patient="p-1"), ["a-1"]), (dict(patient="Patient/p-2"), ["a-2"]), (dict(practitioner="pr-2"), ["a-2"]), (dict(practitioner="Practitioner/pr-1"), ["a-1"]), (dict(date="2031-03-03"), ["a-1"]), (dict(date=["ge2031-03-04", "lt2031-03-05"]), ["a-2"]), (dict(status="arrived"), ["a-1"]), (dict(status="booked,arrived"), ["a-1", "a-2"]), (dict(status="cancelled"), []), (dict(location="room-1"), ["a-2"]), (dict(actor="Patient/p-1"), ["a-1"]), (dict(_id="a-2"), ["a-2"]), (dict(), ["a-1", "a-2"])):
            for how in ("GET", "POST"):
                report.check(f"{how} Appointment {parameters}", found(A, how, **parameters) == wanted, found(A, how, **parameters))
        report.check("appointments by status as of then", found(A, status="booked", asof=5) == ["a-1"], found(A, status="booked", asof=5))
        answer = client.get(P, family="okafor")
        said = told(answer)
        report.check("a searchset", said.get("type") == "searchset" and said.get("total") == 1 and said["entry"][0]["search"]["mode"] == "match" and "fullUrl" in said["entry"][0] and any(l["relation"] == "self" for l in said["link"]), said)
        report.check("links name no PHI", all("okafor" not in l["url"].lower() for l in said["link"]), said["link"])
        for _ in range(2):
            put([patient(f"s-{_}-{n}", data={"name": [{"family": "Pager"}]}) for n in range(13)])
        seen, pages, answer = [], 0, client.get(P, family="pager", _count=10)
        position = answer[1].get("chartlog-position")
        store.client().append(patient("s-late", data={"name": [{"family": "Pager"}]}))
        while True:
            said = told(answer)
            seen += [e["resource"]["id"] for e in said.get("entry", [])]
            pages += 1
            following = [l["url"] for l in said.get("link", []) if l["relation"] == "next"]
            if not following or pages > 5:
                break
            link = urllib.parse.urlsplit(following[0])
            report.check("next links are opaque", "pager" not in following[0].lower(), following[0])
            last_link = link.path + "?" + link.query
            answer = client.request("GET", last_link)
            report.check("a page after the first stands on the same position", answer[1].get("chartlog-position") == position, (answer[:2], position))
        report.check("pages give each once, as of the first", pages == 3 and len(seen) == 26 and len(set(seen)) == 26 and "s-late" not in seen, (pages, len(seen)))
        expect("a link that was changed", client.request("GET", last_link[:-3] + "AAA"), (400, 404, 410))
        expect("another's link", store.client("admin").request("GET", last_link), 403)
        expect("a link without a purpose", client.request("GET", last_link, headers={"X-Purpose-Of-Use": None}), 403)
        report.check("_count=0 gives the total alone", (lambda s: s.get("total") == 27 and not s.get("entry"))(told(client.get(P, family="pager", _count=0))), client.get(P, family="pager", _count=0)[2][:300])
        expect("_count of words", client.get(P, _count="x"), 400)
        expect("a search by POST with the wrong media type", client.request("POST", P + "/_search", b"{}", {"Content-Type": "application/json"}), 415)
        expect("_format=json", client.get(P + "/p-1", _format="json"), (200, 400))
        expect("Accept application/fhir+xml", client.request("GET", P + "/p-1", headers={"Accept": "application/fhir+xml"}), 406)
        expect("Accept application/json", client.request("GET", P + "/p-1", headers={"Accept": "application/json"}), 200)
        expect("a bad id", client.get("/fhir/Patient/a%20b"), (400, 404))
        expect("an id of 65 characters", client.get("/fhir/Patient/" + "a" * 65), (400, 404))
        expect("a resource nobody has", client.get("/fhir/Observation/o-1"), 404)
        meta = client.request("GET", "/fhir/metadata", headers={"Authorization": None, "X-Purpose-Of-Use": None})
        said = told(meta)
        report.check("metadata without a key", meta[0] == 200 and said.get("resourceType") == "CapabilityStatement" and said.get("fhirVersion") == "4.0.1" and {r["type"] for r in said["rest"][0]["resource"]} >= {"Patient", "Appointment", "AuditEvent"}, meta[2][:300])
        for resource in said["rest"][0]["resource"]:
            for parameter in resource.get("searchParam", []):
                value = {"actor": "Practitioner/pr-1", "status": "booked", "action": "R", "outcome": "8", "phone": "5551"}.get(parameter["name"]) or ("2031-03-03" if parameter["type"] == "date" else "x")
                answer = client.get("/fhir/" + resource["type"], **{parameter["name"]: value})
                report.check(f"listed search parameter {resource['type']}.{parameter['name']} works", answer[0] == 200, answer[2][:200])

        # ── audit
        audit = client.get("/fhir/AuditEvent", patient="p-1", _count=200)
        said = told(audit)
        report.check("who saw p-1", audit[0] == 200 and said.get("total", 0) > 10 and all(e["resource"]["resourceType"] == "AuditEvent" for e in said["entry"]), audit[2][:300])
        ids = [e["resource"]["id"] for e in said.get("entry", [])]
        report.check("appends are e-N, reads are r-N", "e-1" in ids and "e-3" in ids and any(i.startswith("r-") for i in ids) and "e-2" not in ids, ids)
        creation = told(client.get("/fhir/AuditEvent/e-1"))
        report.check("the record of event 1", creation.get("action") == "C" and creation.get("recorded", "")[:19] == stamps[1][:19] and "TREAT" in json.dumps(creation) and "127.0.0.1" in json.dumps(creation), creation)
        report.check("the record of event 3", told(client.get("/fhir/AuditEvent/e-3")).get("action") == "U")
        expect("an event to come", client.get("/fhir/AuditEvent/e-9999"), 404)
        expect("a record of nobody", client.get("/fhir/AuditEvent/x-1"), (400, 404))
        def newest(**more):
            return [e["resource"] for e in told(client.get("/fhir/AuditEvent", **more)).get("entry", [])]
        client.request("GET", "/fhir/Patient/p-3", headers={"Chartlog-On-Behalf-Of": "Practitioner/pr-77", "X-Purpose-Of-Use": "PATRQT"})
        record = newest(patient="p-3")[0]
        text = json.dumps(record)
        report.check("a read is recorded: who, for whom, why, what", record["action"] in ("R", "E") and "Practitioner/pr-77" in text and "PATRQT" in text and "p-3" in text and record.get("outcome") == "0", text)
        client.get("/fhir/Patient/p-3", asof=5)
        report.check("an as-of read is recorded", "p-3" in json.dumps(newest(patient="p-3")[0]))
        before = len(newest(patient="p-3", _count=200))
        client.get("/v1/events", subject="patient/p-3"); client.get("/fhir/Patient/p-3/_history"); client.get("/fhir/Patient/p-3/_history/1"); client.get("/fhir/Patient", birthdate="1990-07")
        after = len(newest(patient="p-3", _count=200))
        report.check("each kind of read is recorded for the patient", after == before + 5, (before, after))
        client.request("GET", "/fhir/Patient/p-3", headers={"If-None-Match": 'W/"1"'})
        report.check("a 304 is recorded", len(newest(patient="p-3", _count=200)) == after + 2)
        report.check("audit by actor", len(newest(agent="Practitioner/pr-77")) == 1 or len(newest(agent="pr-77")) == 1, newest(agent="Practitioner/pr-77"))
        # Each look at the audit adds one record of its own.
        total = lambda: int(newest(_count=1)[0]["id"][2:])
        for what, ask, status in (("404", lambda: client.get("/fhir/Patient/none"), 404), ("409", lambda: client.append(patient("p-1", event="q1", expectedversion=5)), 409), ("422", lambda: client.append(patient("p-1", event="q2")), 422),
            ("400 after authentication", lambda: client.get("/v1/events", limit=0), 400), ("403 of the administrator", lambda: store.client("admin").get("/fhir/Patient/p-1"), 403), ("403 without a purpose", lambda: client.request("GET", "/fhir/Patient/p-1", headers={"X-Purpose-Of-Use": None}), 403), ("422 of an unknown category", lambda: client.append({**patient("q"), "subject": "invoice/1"}), 422)):
            one = total(); answer = ask(); two = total()
            report.check(f"a refusal is recorded: {what}", answer[0] == status and two == one + 2, (answer[0], one, two))
        denials = newest(outcome="4,8,12", _count=50)
        report.check("denials by outcome", len(denials) > 0 and all(d["outcome"] in ("4", "8", "12") for d in denials), denials[:1])
        report.check("audit by time", len(newest(date="ge2199-01-01")) == 0 and len(newest(date="ge2020-01-01")) > 0)
        expect("the audit view's history", client.get("/fhir/AuditEvent/e-1/_history"), (200, 404, 405))
        expect("a change of the audit", client.request("PUT", "/fhir/AuditEvent/e-1", b"{}", {"Content-Type": "application/fhir+json"}), 405)
        expect("a change by FHIR", client.request("PUT", "/fhir/Patient/p-1", b"{}", {"Content-Type": "application/fhir+json"}), 405)
        admin = store.client("admin")
        for path in ("/v1/events", "/fhir/Patient", "/fhir/Patient/p-1", "/fhir/Patient/p-1/_history", "/fhir/Appointment", "/fhir/AuditEvent", "/fhir/AuditEvent/e-1"):
            answer = admin.get(path)
            expect(f"the administrator and {path}", answer, 403)
        expect("the administrator appends", admin.append(patient("adm")), 403)
        cluster = admin.get("/v1/cluster")
        expect("the administrator and the cluster", cluster, 200)
        expect("the service and the cluster", client.get("/v1/cluster"), 200)
        expect("nobody and the cluster", client.request("GET", "/v1/cluster", headers={"Authorization": None}), 401)
        expect("the cluster without a purpose", client.request("GET", "/v1/cluster", headers={"X-Purpose-Of-Use": None}), 200)
        said = told(cluster)
        report.check("the cluster's members", {"primary", "term", "position", "replicas"} <= set(said) and {"id", "role", "state", "position", "lag_events", "lag_seconds", "digests"} <= set(said["replicas"][0]) and {"patient", "appointment", "audit"} <= set(said["replicas"][0]["digests"]), said)
    report.end()


main()
