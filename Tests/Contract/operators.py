"""What an operator does with three replicas and a spare, from outside: looks, hands over, replaces, is refused."""

import http.client
import json
import os
import signal
import time

from common import Report, Store, expectation, patient, problem, told


def wait(store, holds, patience=30):
    """Waits until the status is as wanted; the last one seen."""
    deadline = time.monotonic() + patience
    seen = None
    while time.monotonic() < deadline:
        seen = store.status()
        if seen and seen["primary"] and holds(seen):
            return seen
        time.sleep(0.05)
    return seen


def admin_of(store, replica):
    return store.client("admin", replica=replica)


def roles(status):
    return {member["id"]: member["role"] for member in status["replicas"]}


def main():
    report = Report("operators")
    expect = expectation(report)

    def command(what, code, *arguments, who="admin", text=None):
        done = store.command(*arguments, who=who)
        said = (done.stdout + done.stderr).decode()
        report.check(what, done.returncode == code and (text is None or text in said), (done.returncode, said))
        return done

    with Store(replicas=3, spares=1) as store:
        store.start()
        status = wait(store, lambda seen: seen["min_durable_copies"] == 3 and all(
            member["state"] in ("ready", "spare") for member in seen["replicas"]))
        report.check("one leads, two follow, one waits",
                     sorted(roles(status).values()) == ["primary", "secondary", "secondary", "spare"], status)
        report.check("three copies", status["min_durable_copies"] == 3, status)
        context = store.context()
        report.check("a context lists the replicas and not the spare",
                     context["endpoints"] == [f"https://127.0.0.1:{store.base + id}" for id in (1, 2, 3)], context)

        # ── any replica answers any request
        for replica in (1, 2, 3):
            client = store.client(replica=replica)
            answer = client.append(patient(f"p-{replica}"))
            expect(f"an append at replica {replica}", answer, 201)
            position = told(answer).get("position", 0)
            for other in (1, 2, 3):
                read = store.client(replica=other).get(f"/fhir/Patient/p-{replica}")
                expect(f"it is read at replica {other} at once", read, 200)
                report.check("on a position that is no older", int(read[1].get("chartlog-position", 0)) >= position)
        expect("a key that is none, at a secondary", store.client(
            replica=1 + status["primary"] % 3).request("GET", "/v1/events", None, {"Authorization": "Bearer a.b"}), 401)

        # ── handover
        for turn in range(3):
            target = 1 + status["primary"] % 3
            command(f"handover to replica {target}", 0, "handover", "--to", str(target))
            status = wait(store, lambda seen: seen["primary"] == target and (seen["last_failover"] or {}).get("to") == target)
            report.check("it leads", status["primary"] == target, status)
            report.check("and why is told", (status.get("last_failover") or {}).get("reason") == "handover", status)
            status = wait(store, lambda seen: all(member["state"] in ("ready", "spare") for member in seen["replicas"]))
        command("handover to whoever is fit", 0, "handover")
        status = wait(store, lambda seen: all(member["state"] in ("ready", "spare") for member in seen["replicas"]))
        primary = status["primary"]
        command("handover to who leads", 1, "handover", "--to", str(primary), text="order-refused")
        command("handover to nobody", 1, "handover", "--to", "9", text="not-found")
        command("handover to a spare", 1, "handover", "--to", "4")
        command("force nobody", 2, "handover", "--force", text="--to")
        command("force who has no endpoint", 3, "handover", "--force", "--to", "9", text="endpoint")
        command("force who leads", 1, "handover", "--force", "--to", str(primary), text="order-refused")
        command("force without the right", 1, "handover", "--force", "--to", str(1 + primary % 3), who="service",
                text="forbidden")
        command("handover without the right", 1, "handover", who="service", text="forbidden")
        admin = store.client("admin")
        refused = admin.request("POST", "/v1/cluster/handover", b'{"too": 1}', {"Content-Type": "application/json"})
        report.check("an order that says something else", refused[0] == 400, refused)
        report.check("nothing was done", store.primary() == primary)

        # ── the primary hangs: another is told to lead, itself
        headers = {"Content-Type": "application/json"}
        target = 1 + primary % 3
        third = 6 - primary - target
        there = store.client("admin", replica=target)
        expect("an order for another replica", there.request("POST", "/v1/cluster/takeover", b'{"to": %d}' % third, headers),
               409, "order-refused")
        expect("an order to take over that says something else",
               there.request("POST", "/v1/cluster/takeover", b'{"too": 1}', headers), 400, "malformed-request")
        report.check("nothing was done by these", store.primary() == primary)
        before = store.status()
        store.signal(primary, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            command("force while the primary hangs", 0, "handover", "--force", "--to", str(target),
                    text=f"replica {target} leads")
            took = time.monotonic() - begun
            report.check("it leads within a second", took < 1, took)
            expect("and takes appends", store.client(replica=target).append(patient("p-forced")), 201)
        finally:
            store.signal(primary, signal.SIGCONT)
        status = wait(store, lambda seen: roles(seen).get(primary) == "secondary" and all(
            member["state"] == "spare" or member["state"] == "ready" and member["position"] == seen["position"]
            for member in seen["replicas"]))
        report.check("the old one follows", status["primary"] == target and roles(status).get(primary) == "secondary", status)
        report.check("in a later term", status["term"] > before["term"], status)
        report.check("with everything", {
            member["position"] for member in status["replicas"] if member["role"] != "spare"} == {status["position"]}, status)
        expect("it has what was appended meanwhile", store.client(replica=primary).get("/fhir/Patient/p-forced"), 200)
        primary = target

        # ── one that was just paused is not shown as if it were well
        paused = 1 + primary % 3
        store.signal(paused, signal.SIGSTOP)
        try:
            time.sleep(1.3)
            seen = json.loads(admin_of(store, primary).get("/v1/cluster")[2])
            member = [member for member in seen["replicas"] if member["id"] == paused][0]
            report.check("it is silent, and since when", member["state"] == "silent" and member["silent_ms"] > 1000, member)
        finally:
            store.signal(paused, signal.SIGCONT)
        status = wait(store, lambda seen: all(member["state"] in ("ready", "spare") for member in seen["replicas"]))
        primary = status["primary"]

        # ── no quorum: the last one is told, and says that it cannot
        others = [id for id in (1, 2, 3) if id != primary]
        for id in (primary, others[0]):
            store.signal(id, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            command("force without a quorum", 1, "handover", "--force", "--to", str(others[1]), text="order-refused")
            took = time.monotonic() - begun
            report.check("it says so within 3 s or so", took < 4, took)
        finally:
            for id in (primary, others[0]):
                store.signal(id, signal.SIGCONT)
        status = wait(store, lambda seen: all(member["state"] in ("ready", "spare") for member in seen["replicas"]))
        primary = status["primary"]

        # ── replace
        listed = json.loads(command("spares", 0, "spares", "--json").stdout or b"[]")
        report.check("the spare is listed", [spare["id"] for spare in listed] == [4], listed)
        leaving = 1 + primary % 3
        command("replace who is not there", 1, "replace", "9")
        command("replace by who votes already", 1, "replace", str(leaving), str(primary))
        command("replace", 0, "replace", str(leaving))
        status = wait(store, lambda seen: roles(seen).get(4) == "secondary" and not seen["change"])
        report.check("the spare votes", roles(status).get(4) == "secondary", status)
        report.check("who left is retired", roles(status).get(leaving) == "retired" and [
            member["state"] for member in status["replicas"] if member["id"] == leaving] == ["retired"], status)
        for turn in ("while it lives", "after its next start"):
            if turn != "while it lives":
                store.kill9(leaving)
            gone = store.client(replica=leaving)
            deadline, answer = time.monotonic() + 10, None
            while time.monotonic() < deadline:
                try:
                    answer = gone.get("/readyz")
                    if problem(answer[2]) == "retired":
                        break
                except (OSError, http.client.HTTPException):
                    pass
                time.sleep(0.05)
            expect(f"it knows {turn}", answer, 503, "retired")
            expect("and takes no append", gone.append(patient("p-nowhere")), 503, "retired")
            expect("and answers no read", gone.get("/v1/events"), 503, "retired")
            said = json.loads(store.client("admin", replica=leaving).get("/v1/cluster")[2])
            report.check("its own status says so", roles(said).get(leaving) == "retired" and said["primary"] is None
                         and any("was retired" in warning for warning in said["warnings"]), said)
        with open(f"{store.dir}/replica-{leaving}/log") as file:
            report.check("its log says so", "this replica was retired" in file.read())
        report.check("it has deposed nobody", store.status()["term"] == status["term"], store.status())
        command("a retired replica never comes back", 1, "replace", str(primary), str(leaving))
        command("no spare is left", 0, "spares", text="no spares")
        expect("appends go on", store.client(replica=primary).append(patient("p-after")), 201)

        # ── the primary itself is removed: another leads, and the order is no accident
        answer = admin_of(store, primary).request(
            "POST", "/v1/cluster/members", b'{"leaving": %d}' % primary, {"Content-Type": "application/json"})
        expect("remove the primary", answer, 202)
        old, begun = primary, time.monotonic()
        store.replicas = [id for id in (1, 2, 3, 4) if id not in (old, leaving)]
        status = wait(store, lambda seen: seen["primary"] != old and roles(seen).get(old) == "retired"
                      and not seen["change"], patience=10)
        primary = status["primary"]
        report.check("another leads within seconds", primary in store.replicas and time.monotonic() - begun < 3, status)
        expect("and takes appends", store.client(replica=primary).append(patient("p-later")), 201)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and problem(store.client(replica=old).get("/readyz")[2]) != "retired":
            time.sleep(0.05)
        expect("the old one knows", store.client(replica=old).get("/readyz"), 503, "retired")

        # ── what was done is in the audit
        audit = command("audit", 0, "audit", "--json", who="service").stdout.decode()
        for type in ("chartlog.handover-ordered", "chartlog.change-ordered"):
            report.check(f"{type} stands in the audit", type in audit, audit[:300])
        command("clock accept", 0, "clock", "accept")
        report.check("the log of each replica is there",
                     all(os.path.getsize(f"{store.dir}/replica-{id}/log") > 0 for id in (1, 2, 3, 4)))
    report.end()


main()
