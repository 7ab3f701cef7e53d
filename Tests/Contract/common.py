"""What the contract's scripts share: events of the vocabulary, raw connections, and a way to say what is expected."""

import http.client
import json
import os
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Cluster"))

from harness import Report, Store, binary, generated  # noqa: E402, F401


class Raw:
    """One TLS connection on which anything may be said."""

    def __init__(self, store, timeout=15):
        plain = socket.create_connection(("127.0.0.1", store.port), timeout=timeout)
        self.socket = store.tls().wrap_socket(plain, server_hostname="127.0.0.1")
        self.socket.settimeout(timeout)
        self.rest = b""

    def say(self, data):
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode())
            return True
        except OSError:
            return False

    def more(self):
        try:
            piece = self.socket.recv(65536)
        except socket.timeout:
            return False
        except OSError:
            return False
        self.rest += piece
        return bool(piece)

    def hear(self, bodiless=False):
        """(status, headers, body) of the next answer; status 0 when the connection ended without one."""
        while b"\r\n\r\n" not in self.rest:
            if not self.more():
                return 0, {}, self.rest
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = int(lines[0][9:12])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        body = b""
        if bodiless or status in (100, 204, 304):
            return status, headers, body
        if headers.get("transfer-encoding") == "chunked":
            while True:
                while b"\r\n" not in self.rest:
                    if not self.more():
                        return status, headers, body
                size, _, self.rest = self.rest.partition(b"\r\n")
                size = int(size, 16)
                while len(self.rest) < size + 2:
                    if not self.more():
                        return status, headers, body
                body += self.rest[:size]
                self.rest = self.rest[size + 2:]
                if size == 0:
                    return status, headers, body
        length = int(headers.get("content-length", "0"))
        while len(self.rest) < length:
            if not self.more():
                break
        body, self.rest = self.rest[:length], self.rest[length:]
        return status, headers, body

    def ends(self):
        """True when the server says nothing more and ends the connection."""
        if self.rest:
            return False
        try:
            return self.socket.recv(65536) == b""
        except socket.timeout:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()


def patient(id, event=None, data=None, **more):
    return {"specversion": "1.0", "id": event or f"e-{id}", "source": "/contract", "type": "patient.registered",
            "subject": f"patient/{id}", "datacontenttype": "application/fhir+json",
            "data": {"resourceType": "Patient", "id": id, "name": [{"family": "Plain", "given": ["Ann"]}],
                     "birthDate": "1984-02-29", **(data or {})}, **more}


def appointment(id, who="p-1", practitioner="pr-1", start="2031-03-03T10:00:00Z", end="2031-03-03T10:30:00Z",
                status="booked", event=None, data=None, location=None, **more):
    participants = [{"actor": {"reference": f"Patient/{who}"}, "status": "accepted"},
                    {"actor": {"reference": f"Practitioner/{practitioner}"}, "status": "accepted"}]
    if location:
        participants.append({"actor": {"reference": f"Location/{location}"}, "status": "accepted"})
    return {"specversion": "1.0", "id": event or f"e-{id}", "source": "/contract",
            "type": more.pop("type", "appointment.booked"), "subject": f"appointment/{id}",
            "datacontenttype": "application/fhir+json",
            "data": {"resourceType": "Appointment", "id": id, "status": status, "start": start, "end": end,
                     "participant": participants, **(data or {})}, **more}


def patch(subject, type, data, event, **more):
    made = {"specversion": "1.0", "id": event, "source": "/contract", "type": type, "subject": subject, **more}
    if data is not None:
        made["datacontenttype"] = "application/merge-patch+json"
        made["data"] = data
    return made


def problem(body):
    """The problem's name, from problem+json or from an OperationOutcome."""
    try:
        said = json.loads(body)
    except ValueError:
        return None
    text = json.dumps(said)
    marker = "urn:chartlog:problem:"
    if marker not in text:
        return None
    return text.split(marker)[1].split('"')[0]


def expectation(report):
    def expect(what, answer, status, name=None):
        allowed = status if isinstance(status, tuple) else (status,)
        held = answer[0] in allowed
        if held and name:
            held = problem(answer[2]) == name
        return report.check(what, held, (answer[0], answer[2][:300]))
    return expect


def ready(store, patience=10):
    """Waits until the store says that it is ready."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if store.client(timeout=2).get("/readyz")[0] == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.01)
    return False


def told(answer):
    """The body of an answer as JSON, or {} when it is none."""
    try:
        return json.loads(answer[2])
    except ValueError:
        return {}
