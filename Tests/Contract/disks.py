"""What stands on the disk: nothing readable, damage told and never served, wrong keys, a full disk."""

import base64
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import common
from common import Report, Store, appointment, binary, expectation, patch, patient, problem, told


def start(directory, patience=15):
    """(process, what start said until `ready`, its end or the end of patience)."""
    process = subprocess.Popen([binary("chartlog"), "start", directory], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.set_blocking(process.stdout.fileno(), False)
    text, deadline = b"", time.monotonic() + patience
    while time.monotonic() < deadline:
        text += process.stdout.read() or b""
        if b"ready\n" in text or b"replica 1" in text or process.poll() is not None:
            break
        time.sleep(0.02)
    return process, text.decode("utf-8", "replace")


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
    process.stdout.close()


def verify(directory):
    result = subprocess.run([binary("chartlog"), "verify", directory, "--json"], capture_output=True, timeout=60)
    try:
        return result.returncode, json.loads(result.stdout)
    except ValueError:
        return result.returncode, {"stdout": result.stdout.decode(), "stderr": result.stderr.decode()}


def files(directory):
    for folder, _, names in os.walk(directory):
        for name in names:
            yield os.path.join(folder, name)


def main():
    report = Report("disks")
    expect = expectation(report)
    with Store() as store:
        store.start()
        client = store.client()
        planted = ["Zyxwvutsrq", "Qwertzuiop-mrn-990017", "planted-stream-77", "planted-event-id-3", "+49 30 99001777", "/planted/source", "Planted free text about a condition", "planted-idem-key", "pr-planted-9"]
        client.append(patient("planted-stream-77", event="planted-event-id-3", data={"name": [{"family": "Zyxwvutsrq"}], "identifier": [{"system": "urn:mrn", "value": "Qwertzuiop-mrn-990017"}], "telecom": [{"system": "phone", "value": "+49 30 99001777"}]}) | {"source": "/planted/source"}, {"Idempotency-Key": "planted-idem-key"})
        client.append(appointment("planted-appt", who="planted-stream-77", practitioner="pr-planted-9", data={"comment": "Planted free text about a condition"}))
        client.get("/fhir/Patient", family="Zyxwvutsrq")
        client.get("/fhir/Patient", phone="+49 30 99001777")
        client.get("/v1/events", subject="patient/planted-stream-77")
        client.request("GET", "/fhir/Patient/planted-stream-77", headers={"Chartlog-On-Behalf-Of": "Practitioner/pr-planted-9"})
        client.get("/fhir/Patient/Zyxwvutsrq-none")
        for n in range(40):
            client.append([patient(f"fill-{n}-{m}", data={"name": [{"family": "Zyxwvutsrq"}]}) for m in range(100)])
        client.append([patient(f"last-{n}") for n in range(3)])
        keys = [store.context(who)["key"] for who in ("service", "admin")]
        secrets = [key.split(".")[1] for key in keys]
        root = open(f"{store.dir}/root.key", "rb").read().strip()
        last = told(client.append([]))["position"]
        store.stop()

        # ── nothing readable
        needles = {}
        for text in planted + secrets:
            raw = text.encode()
            needles[text] = [raw, raw.lower(), raw[:12], text.encode("utf-16-le"), text.encode("utf-16-be"), base64.b64encode(raw)[:-4], base64.b64encode(b"x" + raw)[4:-4], base64.b64encode(b"xx" + raw)[4:-4], raw.hex().encode(), raw[::-1]]
        needles["root key"] = [root, bytes.fromhex(root.decode())] if len(root) == 64 else [root]
        scanned = 0
        for path in files(f"{store.dir}/replica-1"):
            data = open(path, "rb").read()
            scanned += len(data)
            for text, forms in needles.items():
                for form in forms:
                    if len(form) >= 6 and form in data:
                        report.check(f"{text} is not in {os.path.basename(path)}", False, form)
                        break
                else:
                    report.passed += 1
            report.check(f"{os.path.basename(path)} has no FHIR words", not any(word in data for word in (b"resourceType", b"Patient", b"patient.", b"family", b"birthDate", b"Zyxw", b"planted")) or path.endswith(".json"), path)
            report.check(f"{os.path.basename(path)} is not in its path", not any(text in path for text in planted))
        report.check("something was scanned", scanned > 100_000, scanned)

        # ── damage
        spare = store.top + "/whole"
        shutil.copytree(store.dir, spare)
        code, said = verify(spare)
        report.check("the whole store verifies", code == 0 and said.get("ok") and said["position"] == last, (code, said))
        segments = sorted(f for f in files(f"{spare}/replica-1/data/log") if f.endswith(".segment"))
        used = [n for n, byte in enumerate(open(segments[-1], "rb").read()) if byte]
        body_end = used[-1]

        def damaged(what, change):
            shutil.rmtree(store.dir)
            shutil.copytree(spare, store.dir)
            change()
            before = {f: open(f, "rb").read() for f in files(f"{store.dir}/replica-1/data")}
            code, said = verify(store.dir)
            report.check(f"{what}: verify changes nothing", before == {f: open(f, "rb").read() for f in files(f"{store.dir}/replica-1/data")})
            return code, said

        def flip(path, at, bit=1):
            def change():
                with open(path, "r+b") as file:
                    file.seek(at)
                    byte = file.read(1)
                    file.seek(at)
                    file.write(bytes([byte[0] ^ bit]))
            return change

        def alive(what, positions):
            """The store starts and has everything, or says clearly what is damaged."""
            process, text = start(store.dir, 4)
            ready = "ready\n" in text
            answer = (0, {}, b"")
            try:
                mine = store.client()
                answer = mine.append(patient("after-damage"))
                read = mine.get("/v1/events", limit=10000)
                whole = read[0] == 200 and b'"error"' not in read[2].splitlines()[-1]
                count = read[2].count(b'"specversion"')
            except OSError as why:
                whole, count = None, str(why)
            stop(process)
            return ready, text, answer, whole, count

        segment = segments[-1].replace(spare, store.dir)
        dice = random.Random(7)
        body = sorted(dice.sample([n for n in used if n > 66_000], 3))
        for at in body:
            code, said = damaged(f"a flipped bit at {at}", flip(segment, at))
            report.check(f"a flipped bit at {at}: verify says so", code == 1 and said.get("ok") is False and said.get("faults") and "position" in json.dumps(said["faults"][0]), (code, said))
            ready, text, answer, whole, count = alive("", last)
            report.check(f"a flipped bit at {at}: start says so instead of ready", not ready and ("damage" in text.lower() or "fault" in text.lower()), text)
            report.check(f"a flipped bit at {at}: appends are refused as damaged", answer[0] == 503 and problem(answer[2]) == "damaged", answer)
            report.check(f"a flipped bit at {at}: reads end in an error", whole is False or whole is None, (whole, count))
        code, said = damaged("half of a segment", lambda: os.truncate(segment, body_end // 2))
        report.check("half of a segment: verify says so", code == 1 and said.get("ok") is False, (code, said))
        ready, text, answer, whole, count = alive("", last)
        report.check("half of a segment: not ready", not ready and answer[0] != 201, (text, answer))
        code, said = damaged("no segment", lambda: os.remove(segment))
        report.check("no segment: verify says so", code == 1, (code, said))
        ready, text, answer, whole, count = alive("", last)
        report.check("no segment: not ready", not ready and answer[0] != 201, (text, answer))
        keys = f"{store.dir}/replica-1/data/keys"
        code, said = damaged("a flipped bit in the key file", flip(keys, 600))
        ready, text, answer, whole, count = alive("", last)
        report.check("a flipped bit in one copy of a key", ready and whole and count >= last, (text, answer, whole, count))
        code, said = damaged("an empty key file", lambda: open(keys, "wb").write(bytes(65536)))
        report.check("an empty key file: verify says so", code == 1, (code, said))
        ready, text, answer, whole, count = alive("", last)
        report.check("an empty key file: not ready, said why", not ready and text.strip(), text)
        code, said = damaged("the wrong root key", lambda: open(f"{store.dir}/root.key", "w").write("ab" * 32 + "\n"))
        report.check("the wrong root key: verify says so", code == 1, (code, said))
        ready, text, answer, whole, count = alive("", last)
        report.check("the wrong root key: not ready, said why", not ready and "key" in text.lower(), text)
        code, said = damaged("a root key that others can read", lambda: os.chmod(f"{store.dir}/root.key", 0o644))
        ready, text, answer, whole, count = alive("", last)
        report.check("a root key that others can read is refused", not ready and text.strip(), text)
        code, said = damaged("no root key", lambda: os.remove(f"{store.dir}/root.key"))
        ready, text, answer, whole, count = alive("", last)
        report.check("no root key: not ready, said why", not ready and "root" in text.lower(), text)
        others = [f for f in files(f"{spare}/replica-1/data") if "/log/" not in f and not f.endswith(("/terms", "/keys"))]
        for path in others:
            mine = path.replace(spare, store.dir)
            damaged("a view's file gone", lambda: os.remove(mine))
            ready, text, answer, whole, count = alive("", last)
            report.check(f"{os.path.relpath(path, spare)} removed: rebuilt from the log", ready and whole and count >= last, (text, answer, whole, count))
            if os.path.getsize(path):
                damaged("a view's file damaged", flip(mine, os.path.getsize(path) // 2))
                ready, text, answer, whole, count = alive("", last)
                report.check(f"{os.path.relpath(path, spare)} damaged: rebuilt from the log", ready and whole and count >= last, (text, answer, whole, count))
        terms = f"{store.dir}/replica-1/data/terms"
        damaged("a flipped bit in the terms", flip(terms, 20))
        ready, text, answer, whole, count = alive("", last)
        report.check("a flipped bit in one slot of the terms", ready and whole and count >= last, (text, answer))

        # ── a full disk, a read-only one
        damaged("whole", lambda: None)
        small = tempfile.mkdtemp(prefix="chartlog-small-")
        mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "none", small], capture_output=True).returncode == 0
        if mounted:
            try:
                shutil.copytree(spare, small + "/store")
                process, text = start(small + "/store")
                report.check("a store on a small disk is ready", "ready\n" in text, text)
                mine = store.client()
                acked, refused = [], None
                for n in range(400):
                    answer = mine.append([patient(f"full-{n}-{m}", data={"text": {"status": "generated", "div": base64.b64encode(dice.randbytes(24000)).decode()}}) for m in range(50)])
                    if answer[0] == 201:
                        acked += [f"full-{n}-{m}" for m in range(50)]
                    else:
                        refused = answer
                        break
                report.check("a full disk refuses appends with 503", refused is not None and refused[0] == 503 and "retry-after" in refused[1], refused)
                report.check("some were taken before", len(acked) > 0, len(acked))
                mine = store.client()
                read = mine.get("/fhir/Patient/planted-stream-77")
                report.check("reads and their records go on on a full disk", read[0] == 200, read)
                expect("and appends stay refused", mine.append(patient("full-more", data={"text": {"status": "generated", "div": base64.b64encode(dice.randbytes(300000)).decode()}})), 503)
                stop(process)
                process, text = start(small + "/store", 3)
                report.check("a start on a full disk is not ready", "ready\n" not in text and not common.ready(store, 0.2), text)
                mine = store.client()
                read = mine.get("/fhir/Patient/planted-stream-77")
                report.check("and serves what is there", read[0] == 200, read)
                there = {event["subject"].split("/")[1] for event in mine.events(after=last)}
                report.check("everything acknowledged is there after a full disk", set(acked) <= there, len(set(acked) - there))
                subprocess.run(["mount", "-o", "remount,size=700m", small], capture_output=True)
                report.check("it is ready when there is room", common.ready(store))
                answer = mine.append(patient("room-again"))
                report.check("appends go on when there is room", answer[0] == 201, answer)
                stop(process)
                code, said = verify(small + "/store")
                report.check("and it verifies", code == 0 and said.get("ok"), (code, said))
                subprocess.run(["mount", "-o", "remount,ro", small], capture_output=True)
                process, text = start(small + "/store", 5)
                report.check("a read-only disk: not ready, said why", "ready\n" not in text and text.strip(), text)
                stop(process)
            finally:
                subprocess.run(["umount", "-l", small], capture_output=True)
        else:
            report.skip("a full disk", "only root can mount a small one")
        shutil.rmtree(small, ignore_errors=True)

        # ── kill -9 under load
        damaged("whole", lambda: None)
        process, text = start(store.dir)
        acked, over = [[] for _ in range(6)], threading.Event()
        def load(worker):
            mine, n = store.client(timeout=5), 0
            while not over.is_set():
                n += 1
                event = patient(f"k-{worker}-{n}")
                while not over.is_set():
                    try:
                        status, _, body = mine.append(event)
                        if status in (200, 201):
                            acked[worker].append((event["id"], json.loads(body)["events"][0]["position"]))
                            break
                    except (OSError, Exception):
                        mine.close()
                        time.sleep(0.02)
        threads = [threading.Thread(target=load, args=(w,)) for w in range(6)]
        [t.start() for t in threads]
        for _ in range(4):
            time.sleep(dice.uniform(0.5, 1.1))
            store.kill9()
        common.ready(store)
        time.sleep(0.5)
        over.set()
        [t.join() for t in threads]
        present = {}
        doubled = 0
        for event in store.client().events(after=last):
            doubled += event["id"] in present
            present[event["id"]] = int(event["position"])
        flat = [a for rows in acked for a in rows]
        report.check("kill -9 under load loses nothing acknowledged", flat and all(present.get(id) == position for id, position in flat), (len(flat), len(present)))
        report.check("and doubles nothing", doubled == 0, doubled)
        stop(process)
        code, said = verify(store.dir)
        report.check("and it verifies", code == 0 and said.get("ok"), (code, said))
    report.end()


main()
