"""Bad input over raw sockets: each is a clear problem, nothing is lost, nothing leaks, and the store goes on."""

import json
import socket
import time

from harness import Report, Store

AUTH = None


class Raw:
    """One TLS connection on which anything may be said."""

    def __init__(self, store, timeout=15):
        plain = socket.create_connection(("127.0.0.1", store.port), timeout=timeout)
        self.socket = store.tls().wrap_socket(plain, server_hostname="127.0.0.1")
        self.socket.settimeout(timeout)

    def say(self, data):
        """Sends; False when the server has cut the connection already."""
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode())
            return True
        except OSError:
            return False

    def hear(self, atmost=1 << 16):
        """(status, head, body) of one answer; status 0 when the connection ended without any."""
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                piece = self.socket.recv(65536)
                if not piece:
                    break
                data += piece
        except OSError:
            pass
        if not data.startswith(b"HTTP/1.1 "):
            return 0, data, b""
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        try:
            while len(body) < length:
                piece = self.socket.recv(65536)
                if not piece:
                    break
                body += piece
        except OSError:
            pass
        return int(head[9:12]), head, body

    def ends(self):
        """True when the server says nothing more and ends the connection."""
        try:
            while True:
                piece = self.socket.recv(65536)
                if not piece:
                    return True
                if b"HTTP/1.1 " in piece:
                    return False
        except socket.timeout:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()


def patient(id="p-1", **more):
    return {"specversion": "1.0", "id": more.pop("event", f"e-{id}"), "source": "/bad", "type": "patient.registered",
            "subject": f"patient/{id}", "datacontenttype": "application/fhir+json",
            "data": {"resourceType": "Patient", "id": id, "name": [{"family": "Plain"}]}, **more}


def appointment(id, start="2031-03-03T10:00:00Z", end="2031-03-03T10:30:00Z", status="booked", **more):
    return {"specversion": "1.0", "id": more.pop("event", f"e-{id}"), "source": "/bad",
            "type": more.pop("type", "appointment.booked"), "subject": f"appointment/{id}",
            "datacontenttype": "application/fhir+json",
            "data": {"resourceType": "Appointment", "id": id, "status": status, "start": start, "end": end,
                     "participant": [{"actor": {"reference": "Patient/p-1"}, "status": "accepted"},
                                     {"actor": {"reference": "Practitioner/pr-1"}, "status": "accepted"}]}, **more}


def patch(subject, type, data, event, **more):
    return {"specversion": "1.0", "id": event, "source": "/bad", "type": type, "subject": subject,
            "datacontenttype": "application/merge-patch+json", "data": data, **more}


def main():
    report = Report("bad input")
    with Store() as store:
        store.start()
        client = store.client()
        key = store.context()["key"]
        host = f"127.0.0.1:{store.port}"
        auth = f"Authorization: Bearer {key}\r\nX-Purpose-Of-Use: TREAT\r\n"
        post = f"POST /v1/events HTTP/1.1\r\nHost: {host}\r\n{auth}"

        def expect(what, answer, status, name=None):
            seen_status, _, body = answer
            allowed = status if isinstance(status, tuple) else (status,)
            held = seen_status in allowed
            if held and name:
                try:
                    held = json.loads(body)["type"] == f"urn:chartlog:problem:{name}"
                except (ValueError, KeyError):
                    held = False
            report.check(what, held, (seen_status, body[:300]))

        def raw(what, request, status, name=None, closes=False):
            line = Raw(store)
            line.say(request)
            answer = line.hear()
            expect(what, answer, status, name)
            if closes:
                report.check(f"{what}: the connection ends", line.ends())
            line.close()

        report.check("a good patient is taken", client.append(patient())[0] == 201)
        report.check("a good appointment is taken", client.append(appointment("a-1"))[0] == 201)

        # What the store decides
        expect("a failed expectation", client.append(patch("patient/p-1", "patient.contact-amended", {"telecom": []}, "b1", expectedversion=7)), 409, "version-conflict")
        expect("a reused id with other content", client.append(patient(active=1) | {"data": {"resourceType": "Patient", "id": "p-1"}}), 409, "event-reused")
        expect("an unknown category", client.append(patient() | {"id": "b2", "subject": "invoice/i-1"}), 422, "unknown-category")
        expect("another patient in a patient's stream", client.append(patch("patient/p-1", "patient.contact-amended", {"contact": [{"extension": [{"url": "u", "valueReference": {"reference": "Patient/p-2"}}]}]}, "b3")), 422, "two-subjects")
        expect("a status step that is none", client.append(patch("appointment/a-1", "appointment.booked", {"status": "cancelled"}, "b4")), 422)
        client.append(patch("appointment/a-1", "appointment.fulfilled", {}, "b5"))
        expect("a step out of a last status", client.append(patch("appointment/a-1", "appointment.arrived", {}, "b6")), 422, "invalid-status")
        expect("an end before its start", client.append(appointment("a-2", "2031-03-04T10:00:00Z", "2031-03-04T09:00:00Z")), 422)
        expect("a double booking", client.append(appointment("a-3", "2031-03-03T10:15:00Z", "2031-03-03T10:45:00Z")), 409, "double-booking")
        expect("a booking right behind is none", client.append(appointment("a-4", "2031-03-03T10:30:00Z", "2031-03-03T10:45:00Z")), 201)
        expect("a change of what is not there", client.append(patch("patient/p-none", "patient.contact-amended", {"telecom": []}, "b7")), 422, "missing-stream")
        expect("a second registration", client.append(patient(event="b8")), 422, "already-exists")
        expect("data of another id", client.append(patient("p-9", event="b9") | {"subject": "patient/p-8"}), 422)
        expect("a reserved type", client.append(patient("p-9", event="b10") | {"type": "record.accessed"}), 422, "reserved-type")
        expect("a repeat within a batch", client.append([patient("p-5"), patient("p-5")]), 400, "repeated-event")
        expect("an empty batch", client.append([]), 200)
        for attribute in ("position", "streamversion", "recordedtime", "actor"):
            expect(f"{attribute} from a client", client.append(patient("p-6", event="b11") | {attribute: "1"}), 400, "server-attribute")
        expect("half of a batch there already", client.append([patient(), patient("p-7")]), 409, "partial-repeat")

        # What reading refuses
        expect("as of before the first event", client.get("/fhir/Patient/p-1", asof="1999-01-01T00:00:00Z"), (400, 404))
        expect("as of the future", client.get("/fhir/Patient/p-1", asof="2199-01-01T00:00:00Z"), 400)
        expect("an instant without offset", client.get("/fhir/Patient/p-1", asof="2026-01-01T00:00:00"), 400)
        expect("events since an instant without offset", client.get("/v1/events", since="2026-01-01T00:00:00"), 400, "bad-instant")
        expect("no purpose", client.request("GET", "/fhir/Patient/p-1", headers={"X-Purpose-Of-Use": None}), 403)
        expect("an append without purpose", client.request("POST", "/v1/events", json.dumps(patient("p-10")).encode(), {"Content-Type": "application/cloudevents+json", "X-Purpose-Of-Use": None}), 403, "purpose-required")
        expect("a purpose that is none", client.request("GET", "/v1/events", headers={"X-Purpose-Of-Use": "CURIOUS"}), 400, "bad-purpose")
        expect("no key", client.request("GET", "/v1/events", headers={"Authorization": None}), 401, "unauthenticated")
        expect("a wrong key", client.request("GET", "/v1/events", headers={"Authorization": "Bearer a.b"}), 401)
        expect("an administrator sees no patient", store.client("admin").get("/fhir/Patient/p-1"), 403)
        expect("an unknown parameter", client.get("/v1/events", subjekt="patient/p-1"), 400, "unknown-parameter")
        expect("If-Match on events", client.append(patient("p-11"), {"If-Match": '"1"'}), 400, "if-match-not-used")
        expect("a limit of nothing", client.get("/v1/events", limit="0"), 400)

        # JSON that is none
        def body(what, data, status=400, name="bad-json", type="application/cloudevents+json"):
            expect(what, client.request("POST", "/v1/events", data, {"Content-Type": type}), status, name)

        good = json.dumps(patient("p-20"))
        body("a body cut short", good[:-20].encode())
        body("bytes behind the value", (good + "x").encode())
        body("a duplicate key", good.replace('"source"', '"id": "x", "source"').encode())
        body("invalid UTF-8", good.encode().replace(b"Plain", b"Pl\xffin"))
        body("an overlong UTF-8 slash", good.encode().replace(b"Plain", b"Pl\xc0\xafin"))
        body("a lone surrogate", good.replace("Plain", "\\ud800").encode())
        body("depth 10,000", b"[" * 10_000 + b"]" * 10_000, type="application/cloudevents-batch+json")
        deep = good.replace('"Plain"', "[" * 70 + "]" * 70)
        body("depth 70 in data", deep.encode(), 400, None)
        body("NaN", good.replace('"Plain"', "NaN").encode())
        body("a wrong specversion", good.replace('"1.0"', '"0.3"').encode(), 400, "bad-event")
        body("no id", json.dumps({k: v for k, v in patient("p-21").items() if k != "id"}).encode(), 400, "bad-event")
        body("a media type nobody knows", good.encode(), 415, "unsupported-media-type", "text/x-notes")
        body("an event of more than 1 MiB", json.dumps(patient("p-22", event="b30") | {"data": {"resourceType": "Patient", "id": "p-22", "text": {"status": "generated", "div": "x" * (1 << 20)}}}).encode(), 413, "too-large")
        body("10,001 events", json.dumps([{"id": str(n)} for n in range(10_001)]).encode(), (400, 413), None, "application/cloudevents-batch+json")

        # Framing
        raw("no Host", "GET /livez HTTP/1.1\r\n\r\n", 400)
        raw("two Hosts", f"GET /livez HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n", 400)
        raw("HTTP/1.0 and HTTP/2 prefaces", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 501, 505, 0))
        raw("a space before the colon", f"GET /livez HTTP/1.1\r\nHost : {host}\r\n\r\n", 400, closes=True)
        raw("a folded header", f"GET /livez HTTP/1.1\r\nHost: {host}\r\nX-A: b\r\n c\r\n\r\n", 400, closes=True)
        raw("a bare line feed", f"GET /livez HTTP/1.1\nHost: {host}\n\n", 400, closes=True)
        raw("a NUL in a header", f"GET /livez HTTP/1.1\r\nHost: {host}\r\nX-A: b\0c\r\n\r\n", 400, closes=True)
        raw("two lengths", post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]", 400, closes=True)
        raw("a list of lengths", post + "Content-Length: 2, 2\r\n\r\n[]", 400, closes=True)
        raw("a signed length", post + "Content-Length: +2\r\n\r\n[]", 400, closes=True)
        raw("length and chunked", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, closes=True)
        raw("an unknown transfer coding", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501), closes=True)
        raw("chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", (400, 501), closes=True)
        raw("a chunk of a negative size", post + "Content-Type: application/cloudevents+json\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400, closes=True)
        raw("a chunk size of many digits", post + "Content-Type: application/cloudevents+json\r\nTransfer-Encoding: chunked\r\n\r\n" + "0" * 40 + "\r\n\r\n", 400, closes=True)
        raw("a chunk longer than it says", post + "Content-Type: application/cloudevents+json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n", 400, closes=True)
        raw("1 GB announced", post + "Content-Type: application/cloudevents+json\r\nContent-Length: 1073741824\r\n\r\n{", 413, "too-large", closes=True)
        raw("a length beyond 64 bits", post + "Content-Length: 99999999999999999999999\r\n\r\n", (400, 413), closes=True)
        raw("10^5 headers", f"GET /livez HTTP/1.1\r\nHost: {host}\r\n" + "X-A: b\r\n" * 100_000 + "\r\n", (431, 0))
        raw("a header of 100 KiB", f"GET /livez HTTP/1.1\r\nHost: {host}\r\nX-A: " + "b" * 100_000 + "\r\n\r\n", (431, 0))
        raw("a target of 100 KiB", f"GET /{'x' * 100_000} HTTP/1.1\r\nHost: {host}\r\n\r\n", (414, 431, 0))
        raw("a method nobody knows", f"BREW /v1/events HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", (405, 501))
        raw("a method that is not here", f"DELETE /v1/events HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", 405, "method-not-allowed")
        raw("a target in absolute form", f"GET https://{host}/livez HTTP/1.1\r\nHost: {host}\r\n\r\n", 200)
        raw("dots in a path", f"GET /fhir/../v1/events HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", (400, 404))
        raw("an encoded slash in an id", f"GET /fhir/Patient/p-1%2f_history HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", (400, 404))

        # 1 GB in chunks is cut off long before its end.
        line = Raw(store)
        line.say(post + "Content-Type: application/cloudevents+json\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        sent = 0
        while sent < 1024 and line.say(chunk):
            sent += 1
        report.check("1 GB in chunks is cut off", sent < 200, sent)
        line.close()

        # A request smuggled behind another is never read as one.
        line = Raw(store)
        line.say(post + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                 + f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n")
        status, _, _ = line.hear()
        report.check("a smuggled request gets no answer", status == 400 and line.ends(), status)
        line.close()

        # Plain text to the TLS port, and a connection that says nothing.
        plain = socket.create_connection(("127.0.0.1", store.port), timeout=5)
        plain.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            said = plain.recv(1000)
        except OSError:
            said = b""
        report.check("plain text gets no HTTP", b"HTTP/1.1 200" not in said, said)
        plain.close()
        idle = [Raw(store) for _ in range(50)]
        for line in idle:
            line.say("GET /livez HTT")
        began = time.monotonic()
        report.check("half-sent requests hold nobody up", client.get("/readyz")[0] == 200 and time.monotonic() - began < 2)
        for line in idle:
            line.close()

        # After all of that: nothing lost, nothing added.
        events = store.client().events()
        report.check("exactly the good events are there", sorted(event["id"] for event in events) == sorted(["e-p-1", "e-a-1", "b5", "e-a-4"]), [event["id"] for event in events])
        report.check("the store verifies", store.client().get("/readyz")[0] == 200)
    report.end()


main()
