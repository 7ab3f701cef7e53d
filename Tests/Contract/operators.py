"""What an operator does with three replicas and a spare, from outside: looks, hands over, replaces, is refused."""

import json
import os
import time

from common import Report, Store, expectation, patient, told


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
            status = wait(store, lambda seen: seen["primary"] == target)
            report.check("it leads", status["primary"] == target, status)
            report.check("and why is told", (status.get("last_failover") or {}).get("reason") == "handover", status)
            status = wait(store, lambda seen: all(member["state"] in ("ready", "spare") for member in seen["replicas"]))
        command("handover to whoever is fit", 0, "handover")
        status = wait(store, lambda seen: all(member["state"] in ("ready", "spare") for member in seen["replicas"]))
        primary = status["primary"]
        command("handover to who leads", 1, "handover", "--to", str(primary), text="order-refused")
        command("handover to nobody", 1, "handover", "--to", "9", text="not-found")
        command("handover to a spare", 1, "handover", "--to", "4")
        command("handover without the right", 1, "handover", who="service", text="forbidden")
        admin = store.client("admin")
        refused = admin.request("POST", "/v1/cluster/handover", b'{"too": 1}', {"Content-Type": "application/json"})
        report.check("an order that says something else", refused[0] == 400, refused)
        report.check("nothing was done", store.primary() == primary)

        # ── replace
        listed = json.loads(command("spares", 0, "spares", "--json").stdout or b"[]")
        report.check("the spare is listed", [spare["id"] for spare in listed] == [4], listed)
        leaving = 1 + primary % 3
        command("replace who is not there", 1, "replace", "9")
        command("replace by who votes already", 1, "replace", str(leaving), str(primary))
        command("replace", 0, "replace", str(leaving))
        status = wait(store, lambda seen: roles(seen).get(4) == "secondary" and not seen["change"])
        report.check("the spare votes", roles(status).get(4) == "secondary", status)
        report.check("who left is retired", roles(status).get(leaving) not in ("primary", "secondary"), status)
        command("a retired replica never comes back", 1, "replace", str(primary), str(leaving))
        command("no spare is left", 0, "spares", text="no spares")
        expect("appends go on", store.client(replica=primary).append(patient("p-after")), 201)

        # ── what was done is in the audit
        audit = command("audit", 0, "audit", "--json", who="service").stdout.decode()
        for type in ("chartlog.handover-ordered", "chartlog.change-ordered"):
            report.check(f"{type} stands in the audit", type in audit, audit[:300])
        command("clock accept", 0, "clock", "accept")
        report.check("the log of each replica is there",
                     all(os.path.getsize(f"{store.dir}/replica-{id}/log") > 0 for id in (1, 2, 3, 4)))
    report.end()


main()
