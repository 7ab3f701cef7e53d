"""HTTP as it stands on the wire: methods, framing, limits, pipelining, slow clients, what needs no key, what says no PHI."""

import json
import re
import socket
import ssl
import time

from common import Raw, Report, Store, expectation, patient, problem, told

EVENT = "application/cloudevents+json"


def main():
    report = Report("wire")
    expect = expectation(report)
    with Store() as store:
        store.start()
        client = store.client()
        host = f"127.0.0.1:{store.port}"
        key = store.context()["key"]
        auth = f"Host: {host}\r\nAuthorization: Bearer {key}\r\nX-Purpose-Of-Use: TREAT\r\n"
        report.check("a patient", client.append(patient("wire-planted-1"))[0] == 201)

        def once(request, bodiless=False):
            line = Raw(store)
            line.say(request)
            answer = line.hear(bodiless)
            line.close()
            return answer

        # TLS
        context = ssl.create_default_context(cafile=f"{store.dir}/ca.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(socket.create_connection(("127.0.0.1", store.port)), server_hostname="localhost") as tls:
            report.check("TLS 1.3, ALPN http/1.1, name localhost", tls.version() == "TLSv1.3" and tls.selected_alpn_protocol() == "http/1.1", (tls.version(), tls.selected_alpn_protocol()))
        old = ssl.create_default_context(cafile=f"{store.dir}/ca.pem")
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            old.wrap_socket(socket.create_connection(("127.0.0.1", store.port)), server_hostname="127.0.0.1")
            report.check("TLS 1.2 is refused", False)
        except (ssl.SSLError, OSError):
            report.check("TLS 1.2 is refused", True)

        # without a key
        free = {"Authorization": None, "X-Purpose-Of-Use": None}
        for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/fhir/metadata"):
            expect(f"{path} without a key", client.request("GET", path, headers=free), 200)
            head = client.request("HEAD", path, headers=free)
            get = client.request("GET", path, headers=free)
            report.check(f"HEAD {path}", head[0] == 200 and head[2] == b"" and head[1].get("content-type") == get[1].get("content-type") and (path == "/metrics" or head[1].get("content-length") == get[1].get("content-length")), (head, get[1]))
        for path in ("/v1/events", "/fhir/Patient", "/fhir/Patient/x", "/fhir/AuditEvent", "/v1/cluster"):
            answer = client.request("GET", path, headers=free)
            expect(f"{path} without a key", answer, 401)
            report.check(f"{path} names Bearer", "bearer" in answer[1].get("www-authenticate", "").lower(), answer[1])
        for bad in ("Basic YTpi", "Bearer", "Bearer ", f"Bearer {key}x", "Bearer " + key.split(".")[0] + "." + "A" * 43, f"Bearer {key} {key}", "Token " + key):
            expect(f"Authorization {bad[:12]!r}", client.request("GET", "/v1/events", headers={"Authorization": bad}), (400, 401))
        expect("bearer in lower case", client.request("GET", "/v1/events", headers={"Authorization": f"bearer {key}"}), 200)
        expect("two Authorizations", once(f"GET /v1/events HTTP/1.1\r\n{auth}Authorization: Bearer x.y\r\n\r\n"), (400, 401))

        # methods
        for path, method, allowed in (("/v1/events", "DELETE", {"GET", "POST"}), ("/v1/events", "PUT", {"GET", "POST"}), ("/livez", "POST", {"GET"}), ("/fhir/Patient/p-1", "DELETE", {"GET"}), ("/fhir/Patient", "PUT", {"GET"}), ("/fhir/Patient/_search", "PATCH", {"POST"}), ("/fhir/metadata", "POST", {"GET"}), ("/v1/cluster", "DELETE", {"GET"}), ("/openapi.json", "TRACE", {"GET"})):
            answer = client.request(method, path)
            allow = {a.strip() for a in answer[1].get("allow", "").split(",")}
            report.check(f"{method} {path} is 405 with Allow", answer[0] == 405 and allowed <= allow and method not in allow, answer)
            client.close()
        expect("a method nobody knows", client.request("BREW", "/v1/events"), 501)
        client.close()
        answer = client.request("OPTIONS", "/v1/events")
        report.check("OPTIONS", answer[0] in (200, 204) and "POST" in answer[1].get("allow", ""), answer)
        expect("OPTIONS *", once(f"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n"), (200, 204))
        expect("GET *", once(f"GET * HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400)
        expect("CONNECT", once(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n"), (400, 405, 501))
        for path in ("/", "/v1", "/v1/nothing", "/fhir", "/fhir/Observation/1", "/favicon.ico"):
            expect(f"{path} is not there", client.get(path), 404)
        expect("no trailing slash", client.get("/v1/events/"), (404, 400))
        head = client.request("HEAD", "/fhir/Patient/wire-planted-1"); get = client.get("/fhir/Patient/wire-planted-1")
        report.check("HEAD of a patient", head[0] == 200 and head[2] == b"" and head[1].get("etag") == get[1].get("etag") and head[1].get("content-length") == get[1].get("content-length"), (head, get[1]))
        head = client.request("HEAD", "/v1/events")
        report.check("HEAD of events", head[0] == 200 and head[2] == b"" and "ndjson" in head[1].get("content-type", ""), head)
        head = client.request("HEAD", "/fhir/Patient/none")
        report.check("HEAD of nothing", head[0] == 404 and head[2] == b"", head)
        expect("a GET goes on after it", client.get("/livez"), 200)

        # version, Host, target
        expect("HTTP/1.0", once(f"GET /livez HTTP/1.0\r\nHost: {host}\r\n\r\n"), (200, 505))
        expect("HTTP/2.0", once(f"GET /livez HTTP/2.0\r\nHost: {host}\r\n\r\n"), 505)
        expect("HTTP/1.2", once(f"GET /livez HTTP/1.2\r\nHost: {host}\r\n\r\n"), (200, 505))
        expect("http/1.1 in lower case", once(f"GET /livez http/1.1\r\nHost: {host}\r\n\r\n"), 400)
        expect("TE in HTTP/1.0", once(f"POST /v1/events HTTP/1.0\r\n{auth}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400)
        for name in ("localhost", f"localhost:{store.port}", host, "127.0.0.1"):
            expect(f"Host {name}", once(f"GET /livez HTTP/1.1\r\nHost: {name}\r\n\r\n"), 200)
        for name in ("", "a b", "a@b", "a/b", "a:99999"):
            expect(f"Host {name!r}", once(f"GET /livez HTTP/1.1\r\nHost: {name}\r\n\r\n"), (400, 421))
        expect("absolute form replaces Host", once(f"GET https://{host}/livez HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 200)
        expect("absolute form to another", once(f"GET https://evil.example/livez HTTP/1.1\r\nHost: {host}\r\n\r\n"), (200, 400, 421))
        for target, status in (("/livez#x", 400), ("/li%76ez", 200), ("/livez%00", (400, 404)), ("/fhir/Patient/%C0%AF", (400, 404)), ("/fhir/Patient/%zz", 400), ("/fhir/Patient/..", (400, 404)), ("/fhir/Patient/%2e%2e/metadata", (400, 404)), ("livez", 400), ("//livez", (400, 404)), ("/v1/events?subject=%ff", 400), ("/v1/events?subject=%", 400), ("/v1/events?subject=a\x7f", 400), ("/livez?a=1", (200, 400))):
            expect(f"target {target!r}", once(f"GET {target} HTTP/1.1\r\n{auth}\r\n"), status)
        expect("two spaces", once(f"GET  /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400)
        expect("a tab", once(f"GET\t/livez HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400)
        expect("a long target", once(f"GET /v1/events?subject={'x' * 70000} HTTP/1.1\r\n{auth}\r\n"), 414)
        expect("101 headers", once(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n" + "".join(f"X-{n}: a\r\n" for n in range(100)) + "\r\n"), 431)
        expect("100 headers", once(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n" + "".join(f"X-{n}: a\r\n" for n in range(99)) + "\r\n"), 200)
        expect("60 KiB of headers", once(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n" + "".join(f"X-{n}: {'a' * 6000}\r\n" for n in range(10)) + "\r\n"), 200)
        expect("66 KiB of headers", once(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n" + "".join(f"X-{n}: {'a' * 6600}\r\n" for n in range(10)) + "\r\n"), 431)
        for name, line in (("an empty name", ": a"), ("a name with a space", "X A: b"), ("a name with (", "X(: b"), ("no colon", "XA"), ("a bare CR", "X-A: a\rb"), ("a control", "X-A: a\x01b"), ("a DEL", "X-A: a\x7fb")):
            expect(f"header: {name}", once(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n{line}\r\n\r\n"), 400)
        expect("obs-text in a header", once(f"GET /livez HTTP/1.1\r\nHost: {host}\r\nX-A: \xe4\r\n\r\n".encode("latin-1")), (200, 400))
        expect("an empty line before the request", once(f"\r\nGET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"), (200, 400))

        # bodies
        body = json.dumps(patient("chunky"))
        post = f"POST /v1/events HTTP/1.1\r\n{auth}Content-Type: {EVENT}\r\n"
        pieces = "".join(f"{len(body[n:n + 40]):x}\r\n{body[n:n + 40]}\r\n" for n in range(0, len(body), 40))
        expect("a chunked body with an extension and trailers", once(post + "Transfer-Encoding: chunked\r\n\r\n" + pieces.replace("\r\n", ";a=b\r\n", 1) + "0\r\nX-Trailer: a\r\n\r\n"), 201)
        expect("a trailer changes nothing", once(post + "Transfer-Encoding: chunked\r\n\r\n" + "2\r\n[]\r\n" + "0\r\nAuthorization: x\r\nContent-Length: 3\r\n\r\n"), 400)
        for name, size in (("a chunk size of 0x", "0x5"), ("a negative chunk size", "-5"), ("an empty chunk size", ""), ("a chunk size with a space before", " 5"), ("2^64", "10000000000000000"), ("a chunk size with _", "1_0")):
            expect(name, once(post + f"Transfer-Encoding: chunked\r\n\r\n{size}\r\nhello\r\n0\r\n\r\n"), (400, 413))
        expect("a bare LF in a chunk extension", once(post + "Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n[]\r\n0\r\n\r\n"), 400)
        expect("a bare LF after a chunk size", once(post + "Transfer-Encoding: chunked\r\n\r\n2\n[]\r\n0\r\n\r\n"), 400)
        for coding, status in (("gzip", (400, 501)), ("chunked, gzip", (400, 501)), ("gzip, chunked", (400, 501)), ("Chunked", (201, 400, 501)), ("chunked;q=1", (400, 501)), ("\x0bchunked", 400), ("identity", (400, 501)), ("", (400, 501))):
            expect(f"Transfer-Encoding {coding!r}", once(post + f"Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"), status if status != (201, 400, 501) else (400, 501))
        expect("two Transfer-Encodings", once(post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), (400, 501))
        for length in ("1_0", "0x10", "-1", "+1", "1,1", "", "1 1", "9007199254740993", "1e3"):
            expect(f"Content-Length {length!r}", once(post + f"Content-Length: {length}\r\n\r\n{{}}"), (400, 413))
        expect("no length at all", once(post + "\r\n"), (400, 411))
        expect("Content-Encoding", once(post + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), 415)
        expect("another media type", client.request("POST", "/v1/events", b"{}", {"Content-Type": "text/plain"}), 415)
        expect("no media type", once(f"POST /v1/events HTTP/1.1\r\n{auth}Content-Length: 2\r\n\r\n{{}}"), (400, 415))
        expect("latin-1", client.request("POST", "/v1/events", b"{}", {"Content-Type": EVENT + "; charset=latin-1"}), 415)
        expect("a GET with a body", once(f"GET /livez HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}"), (200, 400, 413))

        # expectations
        line = Raw(store)
        body = json.dumps(patient("hundred"))
        line.say(post + f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n")
        first = line.hear()
        line.say(body)
        second = line.hear()
        report.check("100-continue, then 201", first[0] == 100 and second[0] == 201, (first, second))
        line.close()
        line = Raw(store)
        line.say(post.replace(key, "a.b") + "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
        report.check("a final status instead of 100", line.hear()[0] == 401)
        line.close()
        line = Raw(store)
        line.say(post + "Expect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n")
        report.check("413 instead of 100", line.hear()[0] == 413)
        line.close()
        expect("an unknown expectation", once(post + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}"), 417)

        # pipelining and closing
        line = Raw(store)
        bodies = [json.dumps(patient(f"pipe-{n}")) for n in range(5)]
        line.say("".join(post + f"Content-Length: {len(b)}\r\n\r\n{b}" for b in bodies) + f"GET /fhir/Patient/pipe-4 HTTP/1.1\r\n{auth}\r\n" + f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n")
        answers = [line.hear() for _ in range(7)]
        report.check("pipelined requests are answered in order", [a[0] for a in answers] == [201] * 5 + [200, 200] and [told(a)["events"][0]["subject"] for a in answers[:5]] == [f"patient/pipe-{n}" for n in range(5)] and told(answers[5]).get("id") == "pipe-4", answers)
        line.close()
        line = Raw(store)
        line.say(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\nGET /livez HTTP/1.1\r\n\r\nGET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n")
        answers = [line.hear()[0] for _ in range(2)]
        report.check("nothing is read after an error", answers == [200, 400] and line.ends(), answers)
        line.close()
        line = Raw(store)
        line.say(f"GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        answer = line.hear()
        report.check("Connection: close is honoured", answer[0] == 200 and answer[1].get("connection", "").lower() == "close" and line.ends(), answer)
        line.close()
        line = Raw(store)
        body = json.dumps(patient("bytewise"))
        for byte in (post + f"Content-Length: {len(body)}\r\n\r\n{body}"):
            line.say(byte)
        expect("byte by byte", line.hear(), 201)
        line.close()
        line = Raw(store)
        body = json.dumps(patient("cutoff"))
        line.say(post + f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n")
        line.close()
        expect("a body that ends before its end is nothing", client.get("/fhir/Patient/cutoff"), 404)

        # a slow reader holds nobody up; a slow writer is cut
        events = [patient(f"slow-{n}", data={"text": {"status": "generated", "div": "x" * 20000}}) for n in range(500)]
        report.check("a large load", client.append(events)[0] == 201)
        slow = [Raw(store, timeout=60) for _ in range(8)]
        for line in slow:
            line.say(f"GET /v1/events?limit=10000 HTTP/1.1\r\n{auth}\r\n" * 4)
        time.sleep(0.5)
        began = time.monotonic()
        expect("an append beside slow readers", client.append(patient("beside")), 201)
        report.check("and soon", time.monotonic() - began < 1, time.monotonic() - began)
        whole = slow[0].hear()
        report.check("a slow reader gets all, with its end", whole[0] == 200 and b'"end"' in whole[2].splitlines()[-1] and whole[2].count(b'"specversion"') > 500, (whole[0], len(whole[2])))
        for line in slow:
            line.close()
        with open(f"/proc/{store.pid()}/status") as file:
            memory = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) >> 10
        report.check("memory stays bounded", memory < 400, memory)

        # problems
        answer = client.get("/v1/events", limit=0)
        said = told(answer)
        report.check("a problem", answer[1]["content-type"].startswith("application/problem+json") and said["type"].startswith("urn:chartlog:problem:") and said["status"] == 400 and "title" in said and "detail" in said, answer)
        openapi = told(client.get("/openapi.json"))
        report.check("OpenAPI 3.1", openapi.get("openapi", "").startswith("3.1") and {"/v1/events", "/fhir/Patient/{id}", "/v1/cluster", "/livez", "/readyz", "/metrics", "/openapi.json", "/fhir/metadata"} <= set(openapi.get("paths", {})), list(openapi.get("paths", {})))
        text = json.dumps(openapi)
        for name in ("unknown-category", "version-conflict", "event-reused", "double-booking", "purpose-required", "server-attribute", "reserved-type", "damaged", "clock-ahead", "idempotency-key-reused", "too-large", "unauthenticated", "unavailable"):
            report.check(f"openapi.json lists {name}", name in text)
        def references(value):
            if isinstance(value, dict):
                if isinstance(value.get("$ref"), str):
                    yield value["$ref"]
                for inner in value.values():
                    yield from references(inner)
            elif isinstance(value, list):
                for inner in value:
                    yield from references(inner)
        for reference in set(references(openapi)):
            at = openapi
            for part in reference[2:].split("/"):
                at = at.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(at, dict) else {}
            report.check(f"openapi.json resolves {reference}", bool(at))
        for path, item in openapi["paths"].items():
            for method in item:
                if method in ("get", "post"):
                    target = re.sub(r"\{[a-zA-Z]+\}", "1", path)
                    answer = client.request(method.upper(), target, b"" if method == "post" else None)
                    report.check(f"openapi.json: {method} {path} exists and lists {answer[0]}", answer[0] not in (405, 501) and str(answer[0]) in item[method]["responses"], (answer[0], list(item[method]["responses"])))
                    client.close()

        # metrics
        plain = client.request("GET", "/metrics", headers=free)
        report.check("metrics, plain", plain[1]["content-type"].startswith("text/plain; version=0.0.4") or plain[1]["content-type"].startswith("application/openmetrics-text"), plain[1])
        metrics = client.request("GET", "/metrics", headers={**free, "Accept": "application/openmetrics-text; version=1.0.0"})
        text = metrics[2].decode()
        report.check("OpenMetrics", metrics[1]["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8" and text.endswith("# EOF\n") and "\r" not in text, metrics[1])
        families, current, seen = {}, None, set()
        for row in text.splitlines()[:-1]:
            if row.startswith("# TYPE "):
                _, _, name, kind = row.split(" ")
                report.check(f"metric family {name} stands once", name not in families)
                families[name] = kind
                current = name
            elif not row.startswith("#"):
                matched = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)', row)
                if not matched or not matched.group(1).startswith(current or "?") or row.split(" ")[0] in seen:
                    report.check("a metric row", False, row)
                    continue
                seen.add(row.split(" ")[0])
                float(matched.group(3))
                if families[current] == "counter":
                    report.check(f"counter {matched.group(1)} ends in _total", matched.group(1) in (current + "_total", current + "_created"), row)
        time.sleep(0.6)
        position = int(client.get("/v1/events", limit=1)[1]["chartlog-position"])
        text = client.request("GET", "/metrics", headers=free)[2].decode()
        gauges = {r.split(" ")[0]: r.split(" ")[1] for r in text.splitlines() if not r.startswith("#")}
        report.check("the position's gauge", any("position" in n and float(v) == position for n, v in gauges.items()), {n: v for n, v in gauges.items() if "position" in n})
        report.check("the term's gauge", any("term" in n and float(v) >= 1 for n, v in gauges.items()), {n: v for n, v in gauges.items() if "term" in n})
        report.check("bytes of log and disk", float(gauges.get("chartlog_log_bytes", 0)) > 50_000 and float(gauges.get("chartlog_free_bytes", 0)) > 0, gauges)
        report.check("no patient in metrics", "wire-planted" not in text and "patient/" not in text)
        with open(f"{store.dir}/replica-1/log") as file:
            log = file.read()
        report.check("no patient and no query in the log", "wire-planted" not in log and "?" not in log and key not in log, log[-500:])
        report.check("no patient in problems", b"wire-planted" not in client.append(patient("wire-planted-1", event="again"))[2])
    report.end()


main()
