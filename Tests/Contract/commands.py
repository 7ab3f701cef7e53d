"""The command line and the processes behind it, as an operator and a script meet them."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time

from common import Report, Store, appointment, binary, patch, patient, told


def main():
    report = Report("commands")
    program = binary("chartlog")

    def run(*arguments, context=None, stdin=None, **more):
        environment = {k: v for k, v in os.environ.items() if k != "CHARTLOG_CONTEXT"}
        if context:
            environment["CHARTLOG_CONTEXT"] = context
        return subprocess.run([program, *arguments], env=environment, input=stdin, capture_output=True, timeout=60, **more)

    def ends(what, result, code, text=None):
        held = result.returncode == code and (text is None or text in result.stdout.decode() + result.stderr.decode())
        return report.check(what, held, (result.returncode, result.stdout[-300:], result.stderr[-300:]))

    # ── help and usage
    for command in ("init", "start", "serve", "append", "events", "patient", "appointments", "audit", "status", "handover", "replace", "spares", "clock", "verify"):
        helped = run(command, "--help")
        ends(f"{command} --help", helped, 0, "usage")
        ends(f"{command} with an option nobody knows", run(command, "--no-such-option"), 2)
    ends("no command", run(), 2)
    ends("a command nobody knows", run("frobnicate"), 2)
    ends("--help", run("--help"), 0)
    ends("init without DIR", run("init"), 2)
    ends("patient without ID", run("patient", context="/nonexistent"), 2)
    ends("a context that is not there", run("events", context="/nonexistent/x.context"), 2)
    ends("no context", run("events"), 2)

    with Store() as store:
        service, admin = f"{store.dir}/service.context", f"{store.dir}/admin.context"
        ends("init into an existing directory", run("init", store.dir), 1)
        report.check("an existing directory stays as it is", os.path.exists(service))
        with tempfile.TemporaryDirectory() as top:
            ends("init into an existing empty directory", run("init", top), 1)
            ends("init --replicas of words", run("init", top + "/x", "--replicas", "many"), 2)
            made = run("init", top + "/y", "--json", "--base-port", "29400")
            report.check("init --json", made.returncode == 0 and isinstance(json.loads(made.stdout), dict), made)
            ends("init under a missing parent", run("init", top + "/no/such/x"), (1))
        for folder, _, files in os.walk(store.dir):
            for name in files:
                mode = stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
                report.check(f"{name} is for its owner alone", mode & 0o077 == 0 or name.endswith(".pem"), oct(mode))
        for name in ("admin.context", "service.context", "root.key"):
            report.check(f"{name} has mode 0600", stat.S_IMODE(os.stat(f"{store.dir}/{name}").st_mode) == 0o600)
        context = store.context()
        report.check("a context's members", set(context) == {"endpoints", "ca", "key", "purpose"} and context["endpoints"] == [f"https://127.0.0.1:{store.port}"] and context["ca"] == "ca.pem" and "." in context["key"] and context["purpose"] == "TREAT", list(context))

        ends("nobody reachable", run("status", context=service), 3)
        ends("nobody reachable, events", run("events", context=service), 3)
        ends("nobody reachable, append", run("append", "-", "--patience", "1", context=service, stdin=(json.dumps(patient("x")) + "\n").encode()), (3))

        # ── start
        starter = subprocess.Popen([program, "start", store.dir], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        store.supervisor = starter
        said = []
        for line in starter.stdout:
            said.append(line)
            if line == b"ready\n":
                break
        report.check("start prints ready alone on a line", b"ready\n" in said, said)
        pid = store.pid()
        report.check("the pid file names the replica", "chartlog" in os.readlink(f"/proc/{pid}/exe"), pid)
        report.check("no key in the process list", not re.search(rb"service-|root\.key=|SECRET", open(f"/proc/{pid}/cmdline", "rb").read()))
        limits = open(f"/proc/{pid}/limits").read()
        report.check("no core", re.search(r"Max core file size\s+0\s+0", limits), limits[:300])
        report.check("backtraces are off", b"SWIFT_BACKTRACE=enable=no" in open(f"/proc/{pid}/environ", "rb").read() if os.access(f"/proc/{pid}/environ", os.R_OK) else True)
        second = run("start", store.dir)
        ends("a second start", second, 1)
        report.check("the first goes on", store.client().get("/readyz")[0] == 200 and store.pid() == pid)
        ends("a second serve", run("serve", "--config", f"{store.dir}/replica-1/config.json"), 1)
        report.check("the first still goes on", store.client().get("/readyz")[0] == 200)
        ends("verify refuses a running one", run("verify", store.dir), 1)
        ends("verify refuses a running replica", run("verify", f"{store.dir}/replica-1"), 1)
        for listening in open("/proc/net/tcp").read().splitlines()[1:]:
            pass

        # ── append
        with tempfile.TemporaryDirectory() as top:
            loaded = [patient(f"p-{n}", data={"name": [{"family": f"Fam{n}"}]}) for n in range(250)]
            with open(f"{top}/a.ndjson", "w") as file:
                file.write("".join(json.dumps(e) + "\n" for e in loaded[:150]))
            with open(f"{top}/b.json", "w") as file:
                json.dump(loaded[150:200], file, indent=2)
            appended = run("append", f"{top}/a.ndjson", "--json", context=service)
            rows = [json.loads(line) for line in appended.stdout.splitlines()]
            report.check("append NDJSON, an answer a batch", appended.returncode == 0 and [r["position"] for r in rows] == [100, 150] and len(rows[0]["events"]) == 100, appended)
            ends("append an array", run("append", f"{top}/b.json", context=service), 0)
            ends("append from standard input", run("append", "-", context=service, stdin="".join(json.dumps(e) + "\n" for e in loaded[200:]).encode()), 0)
            again = run("append", f"{top}/a.ndjson", "--json", context=service)
            report.check("append resumes by id", again.returncode == 0 and [json.loads(l)["position"] for l in again.stdout.splitlines()] == [100, 150], again)
            ends("append an empty file", run("append", "-", context=service, stdin=b""), 0)
            ends("append what is no JSON", run("append", "-", context=service, stdin=b"{nonsense\n"), 1)
            bad = run("append", "-", "--json", context=service, stdin=(json.dumps(patient("p-1", event="dup")) + "\n").encode())
            ends("append what is refused", bad, 1)
            report.check("with the problem as it came", "already-exists" in (bad.stdout + bad.stderr).decode(), bad)
            ends("append a file that is not there", run("append", f"{top}/none", context=service), 1 if run("append", f"{top}/none", context=service).returncode == 1 else 2)
            ends("the administrator appends", run("append", "-", context=admin, stdin=(json.dumps(patient("adm")) + "\n").encode()), 1)
            ends("append without a last line feed", run("append", "-", context=service, stdin=json.dumps(patient("nolf")).encode()), 0)
            ends("append with CRLF and empty lines", run("append", "-", context=service, stdin=b"\r\n" + json.dumps(patient("crlf")).encode() + b"\r\n\r\n"), 0)
            partial = run("append", "-", context=service, stdin=("".join(json.dumps(e) + "\n" for e in loaded[190:210] + [patient("fresh")])).encode())
            ends("append resumes over the borders of batches", partial, 0)

        # ── events
        rows = run("events", "--json", "--limit", "5", context=service)
        report.check("events --json", rows.returncode == 0 and [json.loads(l).get("position") for l in rows.stdout.splitlines()][:5] == ["1", "2", "3", "4", "5"], rows)
        for arguments, count in ((("--subject", "patient/p-7"), 1), (("--subject", "patient/", "--after", "240", "--limit", "3"), 3), (("--type", "patient.registered", "--limit", "4"), 4), (("--asof", "50", "--limit", "1000"), None)):
            rows = run("events", "--json", *arguments, context=service)
            found = [l for l in rows.stdout.splitlines() if b'"specversion"' in l]
            report.check(f"events {arguments}", rows.returncode == (0 if count else 1) and (count is None or len(found) == count), rows)
        rows = run("events", "--json", "--asof", "100", "--limit", "1000", context=service)
        report.check("events --asof a position", rows.returncode == 0 and rows.stdout.count(b'"specversion"') == 100, rows.stderr)
        ends("events for people", run("events", "--limit", "2", context=service), 0, "patient/p-0")
        ends("events with a bad limit", run("events", "--limit", "many", context=service), 2)
        ends("events with a bad purpose", run("events", "--purpose", "CURIOUS", context=service), 1)
        follower = subprocess.Popen([program, "events", "--follow", "--json", "--after", "252"], stdout=subprocess.PIPE, env=dict(os.environ, CHARTLOG_CONTEXT=service),
            # Whoever runs the tests beside something else has this signal ignored, and hands that down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        threading.Timer(0.5, lambda: store.client().append(patient("followed"))).start()
        timer = threading.Timer(10, follower.kill); timer.start()
        live = b""
        for line in follower.stdout:
            live += line
            if b"e-followed" in line:
                break
        report.check("events --follow shows what comes", b"e-followed" in live, live[-300:])
        follower.send_signal(signal.SIGINT)
        report.check("ctrl-C ends following well", follower.wait(5) in (0, 130, -2), follower.returncode)
        timer.cancel()

        # ── views
        shown = run("patient", "p-7", "--json", context=service)
        report.check("patient --json", shown.returncode == 0 and json.loads(shown.stdout)["id"] == "p-7", shown)
        ends("patient for people", run("patient", "p-7", context=service), 0, "Fam7")
        ends("patient by stream", run("patient", "patient/p-7", context=service), 0, "Fam7")
        ends("patient --history", run("patient", "p-7", "--history", context=service), 0)
        report.check("patient --history --json", json.loads(run("patient", "p-7", "--history", "--json", context=service).stdout)["type"] == "history")
        ends("a patient who is not there", run("patient", "none", context=service), 1)
        ends("a patient as of a position", run("patient", "p-7", "--asof", "100", context=service), 0, "Fam7")
        ends("a patient before it was made", run("patient", "p-120", "--asof", "100", context=service), 1)
        ends("a patient as of without offset", run("patient", "p-7", "--asof", "2026-01-01T00:00:00", context=service), 1 if run("patient", "p-7", "--asof", "2026-01-01T00:00:00", context=service).returncode == 1 else 2)
        ends("the administrator sees no patient", run("patient", "p-7", context=admin), 1)
        client = store.client()
        report.check("an appointment", client.append([appointment("a-1", who="p-7"), appointment("a-2", who="p-8", practitioner="pr-2", start="2031-03-04T10:00:00Z", end="2031-03-04T11:00:00Z")])[0] == 201)
        for arguments, names in (((), ("a-1", "a-2")), (("--patient", "p-7"), ("a-1",)), (("--practitioner", "pr-2"), ("a-2",)), (("--day", "2031-03-03"), ("a-1",)), (("--status", "booked"), ("a-1", "a-2")), (("--status", "cancelled"), ())):
            listed = run("appointments", "--json", *arguments, context=service)
            found = sorted(set(re.findall(r'"id": ?"(a-\d)"', listed.stdout.decode())))
            report.check(f"appointments {arguments}", listed.returncode == 0 and found == sorted(names), (listed.returncode, found, listed.stderr))
        ends("an appointment", run("appointments", "a-1", context=service), 0)
        report.check("an appointment --json", json.loads(run("appointments", "a-1", "--json", context=service).stdout)["id"] == "a-1")
        ends("appointments as of then", run("appointments", "--asof", "100", context=service), 0)
        ends("audit", run("audit", "--patient", "p-7", context=service), 0)
        audit = run("audit", "--patient", "p-7", "--json", context=service)
        report.check("audit --json", audit.returncode == 0 and json.loads(audit.stdout)["resourceType"] == "Bundle", audit)
        ends("audit by actor and time", run("audit", "--actor", "service", "--from", "2026-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z", context=service), 0)
        ends("audit --purpose", run("audit", "--purpose", "HOPERAT", "--patient", "p-7", context=service), 0)
        ends("--context", run("patient", "p-7", "--context", service), 0)

        # ── status
        status = json.loads(run("status", "--json", context=admin).stdout)
        replica = status["replicas"][0]
        report.check("status --json", status["primary"] == 1 and isinstance(status["term"], int) and status["position"] == int(client.get("/v1/events", limit=1)[1]["chartlog-position"]) and {"id", "role", "state", "position", "lag_events", "lag_seconds", "digests"} <= set(replica), status)
        report.check("digests with their positions", all("position" in json.dumps(replica["digests"][view]) for view in ("patient", "appointment", "audit")), replica.get("digests"))
        ends("status for people", run("status", context=service), 0)

        # ── kill -9 and restart
        times = []
        for n in range(3):
            before = store.pid()
            began = time.monotonic()
            os.kill(before, signal.SIGKILL)
            while True:
                try:
                    if store.pid() != before and store.client(timeout=2).get("/readyz")[0] == 200:
                        break
                except (OSError, ValueError):
                    pass
                if time.monotonic() - began > 5:
                    break
                time.sleep(0.005)
            times.append(time.monotonic() - began)
        report.check("serving again soon after kill -9", max(times) < 1, times)
        after = json.loads(run("status", "--json", context=admin).stdout)
        report.check("a start makes a higher term", after["term"] > status["term"] and after["position"] == status["position"], (status["term"], after["term"]))
        report.check("the views' digests outlive kill -9", after["replicas"][0]["digests"]["patient"] == replica["digests"]["patient"] and after["replicas"][0]["digests"]["appointment"] == replica["digests"]["appointment"], (replica["digests"], after["replicas"][0]["digests"]))
        report.check("the log file is there", os.path.getsize(f"{store.dir}/replica-1/log") > 0)

        # ── stop and verify
        began = time.monotonic()
        starter.send_signal(signal.SIGINT)
        report.check("ctrl-C ends start well", starter.wait(10) == 0, starter.returncode)
        report.check("and soon", time.monotonic() - began < 5)
        report.check("and the replica with it", not os.path.exists(f"/proc/{pid}"))
        for directory in (store.dir, f"{store.dir}/replica-1"):
            verified = run("verify", directory, "--json")
            said = json.loads(verified.stdout or b"{}")
            report.check("verify --json", verified.returncode == 0 and said.get("ok") is True and said.get("position") == status["position"] and said.get("faults") == [], verified)
        ends("verify for people", run("verify", store.dir), 0)
        ends("verify of nothing", run("verify", store.dir + "/none"), 1)
        ends("start of nothing", run("start", store.dir + "/none"), 1)
        serve = subprocess.Popen([program, "serve", "--config", f"{store.dir}/replica-1/config.json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(300):
            try:
                if store.client(timeout=2).get("/readyz")[0] == 200:
                    break
            except OSError:
                pass
            time.sleep(0.01)
        report.check("serve serves", store.client().get("/fhir/Patient/p-7")[0] == 200)
        serve.terminate()
        report.check("SIGTERM ends serve well", serve.wait(10) == 0, (serve.returncode, serve.stderr.read()[-300:]))
    report.end()


main()
