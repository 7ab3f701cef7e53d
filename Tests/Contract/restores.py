"""Backups and restores as an operator meets them: made, listed, verified, damaged, expired; the keys kept apart; new stores
of what was kept, as they stood at an instant; the store itself taken back."""

import base64
import datetime
import fcntl
import glob
import json
import os
import random
import shutil
import socket
import subprocess
import time

from common import Report, Store, binary, expectation, generated, patch, patient, told
from harness import Branch, free_port
from answers import about, ask, content, exact, is_history, searches, version

PLANTED = ["Zwiebelknopf", "MRN-77731337", "p-plantedq7", "+4917790909077", "Planted free text", "/planted/source"]


class Operator:
    """Runs commands and says whether they ended as they should."""

    def __init__(self, report, top):
        self.report, self.top = report, top

    def run(self, what, code, *arguments, context=None, text=None, lacks=None):
        environment = {name: value for name, value in os.environ.items() if name != "CHARTLOG_CONTEXT"}
        if context:
            environment["CHARTLOG_CONTEXT"] = context
        done = subprocess.run(
            [binary("chartlog"), *arguments], env=environment, cwd=self.top, capture_output=True, timeout=120)
        said = (done.stdout + done.stderr).decode()
        texts = [] if text is None else [text] if isinstance(text, str) else text
        self.report.check(
            what, done.returncode == code and all(one in said for one in texts) and (lacks is None or lacks not in said),
            (done.returncode, said))
        return done

    def json(self, what, code, *arguments, context=None):
        done = self.run(what, code, *arguments, "--json", context=context)
        try:
            return json.loads(done.stdout)
        except ValueError:
            self.report.check(f"{what}: prints JSON", False, done.stdout)
            return {}


def admin(store):
    return os.path.join(store.dir, "admin.context")


def objects(place):
    """The files of a destination, by their names in it."""
    return sorted(os.path.relpath(os.path.join(folder, name), place)
                  for folder, _, names in os.walk(place) for name in names)


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def write(bytes, *path, mode=None):
    with open(os.path.join(*path), "wb") as file:
        file.write(bytes)
    if mode is not None:
        os.chmod(os.path.join(*path), mode)


def shifted(stamp, seconds):
    at = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def wait(holds, patience=15):
    """Waits until something is true; what it was last."""
    deadline = time.monotonic() + patience
    seen = holds()
    while not seen and time.monotonic() < deadline:
        time.sleep(0.05)
        seen = holds()
    return seen


def load(report, client, events):
    """Appends events, each in a request of its own; (position, recordedtime) of each."""
    told_of = []
    for event in events:
        answer = client.append(event)
        if answer[0] != 201:
            report.check("loaded", False, answer)
            break
        first = told(answer)["events"][0]
        told_of.append((first["position"], first["recordedtime"]))
    return told_of


def all_events(client, through):
    """Every line of /v1/events up to a position, byte for byte."""
    answer = client.get("/v1/events", before=through + 1, limit=10000)
    return answer[2].splitlines()[:-1]


def trail(client, **parameters):
    """Every AuditEvent that a search finds, page by page, by its id."""
    found, link = {}, None
    for _ in range(400):
        answer = client.request("GET", link) if link else client.get("/fhir/AuditEvent", _count=200, **parameters)
        said = told(answer)
        for entry in said.get("entry", []):
            found[entry["resource"]["id"]] = entry["resource"]
        links = [one["url"] for one in said.get("link", []) if one["relation"] == "next"]
        if not links:
            break
        link = "/" + links[0].split("/", 3)[3]
    return found


# ── backups: made, listed, verified


def making(report, operator, store, client, events):
    """Makes backups in the middle of a load and at its end; where they are and what was told of each event."""
    context, service = admin(store), os.path.join(store.dir, "service.context")
    place = os.path.join(store.top, "backups")
    planted = patient("p-plantedq7", event="planted-1", data={
        "name": [{"family": "Zwiebelknopf"}], "identifier": [{"system": "urn:mrn", "value": "MRN-77731337"}],
        "telecom": [{"system": "phone", "value": "+4917790909077"}], "text": {"status": "generated", "div": "Planted free text"}})
    told_of = load(report, client, [dict(planted, source="/planted/source")] + events[:620])
    batch = [patient(f"p-batch-{number}") for number in range(3)]
    inside = told(client.append(batch))["events"]

    operator.run("a backup without a context", 2, "backup", "create", "--to", place)
    operator.run("a backup without the right", 1, "backup", "create", "--to", place, context=service, text="forbidden")
    operator.run("a backup by nobody", 3, "backup", "create", "--to", place, "--replica", "9", context=context)
    # Of replica 3 config.json names a place.
    operator.run("a backup to nowhere", 1, "backup", "create", "--replica", "1", context=context, text="Name a directory")
    operator.run("a backup under a missing parent", 1, "backup", "create", "--to", f"{place}/no/such", context=context, text="parent")
    report.check("a relative path is refused over HTTP", store.client("admin").request(
        "POST", "/v1/backups", b'{"to": "backups"}', {"Content-Type": "application/json"})[0] == 400)
    report.check("nothing was made by any of these", not os.path.exists(place))
    os.makedirs(os.path.join(store.top, "others"))
    write(b"a letter", store.top, "others", "letter.txt")
    operator.run("a backup among other things", 1, "backup", "create", "--to", "others", context=context, text="other things")
    report.check("they stay alone", os.listdir(os.path.join(store.top, "others")) == ["letter.txt"])

    begun = time.monotonic()
    operator.run("a first backup", 0, "backup", "create", "--to", place, context=context,
                 text=["backup 1 is made, through position 624", "keys are in no backup"])
    report.check("within seconds", time.monotonic() - begun < 10)
    first = {name: os.stat(os.path.join(place, name)) for name in objects(place)}
    report.check("a first backup is a marker, a manifest, a closed segment, a tail, and a snapshot of the views", sorted(
        name.split("/")[0] for name in first) == ["chartlog-backup", "manifests", "segments", "tails", "views", "views"], sorted(first))
    report.check("files are their owner's alone", all(found.st_mode & 0o077 == 0 for found in first.values()))
    told_of += load(report, client, events[620:])

    made = operator.json("a second, of what came since", 0, "backup", "create", "--to", "backups", context=context)
    last = told_of[-1][0]
    report.check("--json says what was made", made.get("state") == "done" and made.get("manifest") == 2
                 and made.get("position") == last and made.get("destinations") == [place] and made.get("ordered_by") == "admin"
                 and made.get("problem") is None, made)
    report.check("what was there is neither written nor touched again", all(
        os.stat(os.path.join(place, name)).st_mtime_ns == found.st_mtime_ns
        and os.stat(os.path.join(place, name)).st_ino == found.st_ino for name, found in first.items()))
    report.check("and closed segments are kept once", made.get("bytes_done", 0) == sum(
        os.path.getsize(os.path.join(place, name)) for name in objects(place)
        if name not in first and name.split("/")[0] in ("segments", "tails", "views")), (made, objects(place)))
    report.check("a snapshot of the views goes along, once there is one", any(name.startswith("views/") for name in objects(place)))
    for replica in store.replicas:
        elsewhere = os.path.join(store.top, f"of-{replica}")
        operator.run(f"replica {replica} makes one", 0, "backup", "create", "--to", elsewhere, "--replica", str(replica),
                     context=context, text=f"by replica {replica}")
        report.check(f"closed segments are the same bytes from replica {replica}", {
            name: read(elsewhere, name) for name in objects(elsewhere) if name.startswith("segments/")} == {
            name: read(place, name) for name in objects(place) if name.startswith("segments/")})

    # Replica 3 goes slowly: it is at work when it is asked.
    slow = os.path.join(store.top, "slow")
    operator.run("--no-wait", 0, "backup", "create", "--to", slow, "--replica", "3", "--no-wait", context=context,
                 text="replica 3 makes a backup")
    operator.run("a second one meanwhile", 1, "backup", "create", "--to", slow, "--replica", "3", context=context,
                 text="order-refused")
    rows = [json.loads(row) for row in operator.run(
        "status --json", 0, "backup", "status", "--json", context=service).stdout.splitlines()]
    job = next(row for row in rows if row["replica"] == 3)["backups"][-1]
    report.check("status shows what is being made", len(rows) == 3 and job["state"] == "running"
                 and job["destinations"] == [slow] and 0 <= job["bytes_done"] <= job["bytes_of"] > 0, job)
    operator.run("status as a table", 0, "backup", "status", context=service, text=["running", slow, place])
    operator.run("an expiry where one is being made", 1, "backup", "expire", slow, "--keep", "1", "--yes", context=context, text="at work")
    return place, told_of, inside


def looking(report, operator, store, place, last):
    """List and verify, with keys and without."""
    context = admin(store)
    operator.run("list", 0, "backup", "list", place, text=["whole", "624", f"{last:,}"])
    listed = operator.json("list by --from", 0, "backup", "list", "--from", "backups")
    report.check("list --json", [(one["backup"], one["ok"], one["position"]) for one in listed["backups"]] == [
        (1, True, 624), (2, True, last)] and listed["faults"] == [] and listed["backups"][1]["missing"] == [], listed)
    operator.run("list nothing", 2, "backup", "list")
    operator.run("list a directory that is not there", 1, "backup", "list", "nowhere", text="no such directory")
    os.makedirs(os.path.join(store.top, "empty"))
    operator.run("list an empty directory", 1, "backup", "list", "empty", text="no backup")
    operator.run("verify an empty directory", 1, "backup", "verify", "empty", text="no backup")
    operator.run("verify without keys", 0, "backup", "verify", place, text=["whole: backup 2,", "give the keys"])
    operator.run("verify all without keys", 0, "backup", "verify", place, "--all", text="whole: backup 1, 2,")
    operator.run("verify one", 0, "backup", "verify", place, "--backup", "1", text="whole: backup 1,")
    operator.run("verify one that is not there", 1, "backup", "verify", place, "--backup", "7")
    operator.run("verify with the keys of the context's store", 0, "backup", "verify", place, context=context,
                 text="whole: backup 2,", lacks="give the keys")
    said = operator.json("verify with --store", 0, "backup", "verify", place, "--all", "--store", store.dir)
    report.check("verify --json", said.get("ok") is True and said.get("verified") == [1, 2] and said.get("folded") == [1, 2]
                 and said.get("faults") == [] and said.get("objects", 0) >= 4, said)
    operator.run("verify with a replica's key file", 0, "backup", "verify", place, "--keys",
                 f"{store.dir}/replica-2/data/keys", "--root-key", f"{store.dir}/root.key", text="whole", lacks="give the keys")
    operator.run("verify with a key file and no root key", 2, "backup", "verify", place, "--keys",
                 f"{store.dir}/replica-2/data/keys", text="--root-key")
    write(b"ab" * 32 + b"\n", store.top, "other.root", mode=0o600)
    operator.run("verify with another root key", 1, "backup", "verify", place, "--keys",
                 f"{store.dir}/replica-2/data/keys", "--root-key", "other.root", text="root key")


def damaging(report, operator, store, place, foreign):
    """Whatever is done to a destination is found and named."""
    dice = random.Random(5)
    copy = os.path.join(store.top, "damaged")
    names = objects(place)
    segments = [name for name in names if name.startswith("segments/")]
    tails = [name for name in names if name.startswith("tails/")]
    manifests = [name for name in names if name.startswith("manifests/")]

    def verified(what, named, keys=False):
        arguments = ["backup", "verify", copy, "--all", *(["--store", store.dir] if keys else [])]
        if named == "chartlog-backup":
            # Whose the rest is, is not known then.
            return operator.run(what, 1, *arguments, text="marker")
        said = operator.json(what, 1, *arguments)
        report.check(f"{what}: is named", any(fault["object"] == named for fault in said.get("faults", [])), said)

    def damaged(what, change, *named, keys=False):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(place, copy)
        change()
        before = {name: read(copy, name) for name in objects(copy)}
        for one in named:
            verified(what, one, keys)
        report.check(f"{what}: nothing was changed by looking", before == {name: read(copy, name) for name in objects(copy)})

    def flip(name, at):
        def change():
            bytes = bytearray(read(copy, name))
            bytes[at] ^= 1 << dice.randrange(8)
            write(bytes, copy, name)
        return change

    for name in names:
        size = os.path.getsize(os.path.join(place, name))
        for at in {0, size - 1, *(dice.randrange(size) for _ in range(4))}:
            damaged(f"a flipped bit at {at} of {name}", flip(name, at), name)
        damaged(f"a flipped bit of {name}, with keys", flip(name, dice.randrange(size)), name, keys=True)
        damaged(f"the last byte of {name} gone", lambda: os.truncate(os.path.join(copy, name), size - 1), name)
        damaged(f"half of {name}", lambda: os.truncate(os.path.join(copy, name), size // 2), name)
        damaged(f"nothing left of {name}", lambda: os.truncate(os.path.join(copy, name), 0), name)
        damaged(f"a byte more in {name}", lambda: write(read(copy, name) + b"\0", copy, name), name)
        if name not in (manifests[-1], "chartlog-backup"):
            damaged(f"{name} removed", lambda: os.remove(os.path.join(copy, name)), name)
    # Only who made it knows that there was a newer one.
    damaged("the newest manifest removed", lambda: os.remove(os.path.join(copy, manifests[-1])))
    operator.run("the newest manifest removed: what there is, is told", 0, "backup", "verify", copy, "--all", text="whole: backup 1,")
    damaged("the marker removed", lambda: os.remove(os.path.join(copy, "chartlog-backup")))
    operator.run("the marker removed: verify", 1, "backup", "verify", copy, text="marker")
    operator.run("the marker removed: list", 1, "backup", "list", copy, text="marker")
    operator.run("the marker removed: nothing is added", 1, "backup", "create", "--to", copy, context=admin(store), text="marker")

    def swap(one, other):
        def change():
            first, second = read(copy, one), read(copy, other)
            write(second, copy, one)
            write(first, copy, other)
        return change

    for pair in (segments[:2], tails[:2], manifests[:2], [segments[0], tails[0]]):
        damaged(f"{pair[0]} and {pair[1]} swapped", swap(*pair), *pair)
    theirs = objects(foreign)
    tail = next(name for name in theirs if name.startswith("tails/"))
    damaged("another store's object", lambda: write(read(foreign, tail), copy, tails[-1]), tails[-1])
    damaged("another store's manifest", lambda: write(read(foreign, manifests[0]), copy, manifests[-1]), manifests[-1])
    third = "manifests/000000000003.manifest"
    damaged("another store's manifest on top", lambda: write(read(foreign, manifests[0]), copy, third), third)
    damaged("another store's marker", lambda: write(read(foreign, "chartlog-backup"), copy, "chartlog-backup"), manifests[-1])
    operator.run("another store's marker: nothing is added", 1, "backup", "create", "--to", copy, context=admin(store),
                 text="another store")
    damaged("an old manifest under a new number", lambda: write(read(copy, manifests[0]), copy, third), third)
    operator.run("list names what is damaged", 1, "backup", "list", copy, text="not to be believed")
    operator.run("nothing is made on a manifest that cannot be believed", 1, "backup", "create", "--to", copy, context=admin(store),
                 text="000000000003.manifest")
    damaged("a segment removed", lambda: os.remove(os.path.join(copy, segments[0])))
    listed = operator.json("list with an object missing", 1, "backup", "list", copy)
    report.check("list says what is missing of which", [one["missing"] for one in listed.get("backups", [])] == [
        [segments[0]]] * 2, listed)
    operator.run("a next backup brings it back", 0, "backup", "create", "--to", copy, context=admin(store))
    operator.run("and heals the older ones", 0, "backup", "verify", copy, "--all", "--store", store.dir, text="whole: backup 1, 2, 3,")
    damaged("a segment damaged", flip(segments[0], 70_000))
    operator.run("a damaged object is not written over, nor passed by", 1, "backup", "verify", copy, "--all", text=segments[0])
    os.remove(os.path.join(copy, segments[0]))
    operator.run("moved away, it is brought again", 0, "backup", "create", "--to", copy, context=admin(store))
    operator.run("and all is whole", 0, "backup", "verify", copy, "--all", "--store", store.dir, text="whole")
    damaged("what a crash leaves", lambda: write(b"half", copy, "segments", "000000000009-0123456789abcdef.segment.new"))
    operator.run("what a crash left is no fault", 0, "backup", "verify", copy, "--all", text="whole")
    shutil.rmtree(copy)


def expiring(report, operator, store, place):
    """Old backups go by a policy; what is held, and what is needed, stays."""
    context = admin(store)
    copy = os.path.join(store.top, "expired")
    shutil.copytree(place, copy)
    operator.run("a third", 0, "backup", "create", "--to", copy, context=context)
    operator.run("a fourth", 0, "backup", "create", "--to", copy, context=context)
    policy = ["--keep", "1", "--all-days", "0", "--daily-days", "0"]
    operator.run("expiry needs keys", 2, "backup", "expire", copy, *policy, text="keys")
    operator.run("by default nothing of today goes", 0, "backup", "expire", copy, context=context, text="nothing is due")
    operator.run("a hold", 0, "backup", "hold", copy, "case-2026.7", "--backup", "1", text="held")
    operator.run("a hold on the newest", 0, "backup", "hold", copy, "newest", text="held")
    operator.run("let go", 0, "backup", "hold", copy, "newest", "--release", text="released")
    operator.run("a hold on what is not there", 1, "backup", "hold", copy, "nothing", "--backup", "9")
    operator.run("a hold with a name that is a path", 2, "backup", "hold", copy, "../x", text="name")
    operator.run("list shows holds", 0, "backup", "list", copy, text="on hold: case-2026.7")
    before = objects(copy)
    plan = operator.json("what would go", 0, "backup", "expire", copy, *policy, context=context)
    report.check("is said", plan.get("done") is False and plan.get("expired") == [2, 3] and plan.get("kept") == [1, 4]
                 and plan.get("held") == [1], plan)
    report.check("and nothing has changed", objects(copy) == before)
    done = operator.json("expire --yes", 0, "backup", "expire", copy, *policy, "--yes", context=context)
    gone = set(before) - set(objects(copy))
    report.check("they go, with what only they needed", done.get("done") is True and done.get("expired") == [2, 3]
                 and gone == {name for name in before if name.startswith(("manifests/000000000002", "manifests/000000000003"))}
                 | set(done.get("objects", [])), (done, gone))
    # Somebody else is at work there: a lock (flock) of the directory, by whatever program.
    descriptor = os.open(copy, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    operator.run("expiry beside somebody else", 1, "backup", "expire", copy, *policy, "--yes", context=context, text="at work")
    operator.run("a hold beside somebody else", 1, "backup", "hold", copy, "late", text="at work")
    operator.run("a look beside somebody else", 0, "backup", "list", copy)
    os.close(descriptor)
    newest = json.loads(operator.run("a list", 0, "backup", "list", copy, "--json").stdout)["backups"][-1]["backup"]
    tail = sorted(name for name in objects(copy) if name.startswith("tails/"))[-1]
    os.rename(os.path.join(copy, tail), os.path.join(store.top, "tail"))
    operator.run("expiry that would leave what cannot be restored", 1, "backup", "expire", copy, "--keep", "1", "--all-days", "0",
                 "--daily-days", "0", "--yes", context=context, text=tail)
    os.rename(os.path.join(store.top, "tail"), os.path.join(copy, tail))
    report.check("the newest is the fourth", newest == 4, newest)
    operator.run("what stays is whole, and the chain holds", 0, "backup", "verify", copy, "--all", context=context, text="whole: backup 1, 4,")
    operator.run("one that was not expired is still missed", 1, "backup", "verify", copy, "--backup", "2")
    operator.run("a hold that is none is not let go", 1, "backup", "hold", copy, "case-2026.8", "--release", text="missing")
    operator.run("held no more", 0, "backup", "hold", copy, "case-2026.7", "--release")
    operator.run("it goes as well", 0, "backup", "expire", copy, *policy, "--yes", context=context, text="removed: backups 1 ")
    operator.run("the next has the next number", 0, "backup", "create", "--to", copy, context=context, text="backup 5 is made")
    operator.run("and all is whole", 0, "backup", "verify", copy, "--all", context=context, text="whole: backup 4, 5,")
    shutil.rmtree(copy)


# ── keys, apart


def escrowing(report, operator, store, place):
    """The keys kept apart, sealed; what opens them is returned: an escrow and an identity."""
    context, safe = admin(store), os.path.join(store.top, "safe")
    made = operator.run("new-identity", 0, "keys", "new-identity", "who.key")
    recipient = made.stdout.decode().strip()
    report.check("prints the public key", recipient.startswith("age1") and len(recipient) == 62, recipient)
    identity = os.path.join(store.top, "who.key")
    report.check("in age's form, mode 0600", b"AGE-SECRET-KEY-1" in read(identity) and os.stat(identity).st_mode & 0o777 == 0o600)
    operator.run("new-identity writes nothing over", 1, "keys", "new-identity", "who.key", text="exists already")
    operator.run("an escrow to nobody", 2, "keys", "escrow", "--to", safe, context=context, text="--recipient")
    operator.run("an escrow to who is none", 2, "keys", "escrow", "--to", safe, "--recipient", "age1nobody", context=context)
    operator.run("an escrow to nowhere", 2, "keys", "escrow", "--recipient", recipient, context=context, text="--to")
    for inside in (place, os.path.join(place, "segments"), os.path.join(place, "new")):
        operator.run("an escrow among backups", 1, "keys", "escrow", "--to", inside, "--recipient", recipient, context=context,
                     text="apart")
    operator.run("an escrow of no keys", 2, "keys", "escrow", "--to", safe, "--recipient", recipient, text="keys are needed")
    escrow = operator.run("an escrow", 0, "keys", "escrow", "--to", safe, "--recipient", recipient, context=context).stdout.decode().strip()
    report.check("is an age file, its owner's alone", read(escrow).startswith(b"age-encryption.org/v1\n")
                 and os.stat(escrow).st_mode & 0o077 == 0, escrow)
    operator.run("verify with the escrow", 0, "backup", "verify", place, "--keys", escrow, "--identity", identity,
                 text="whole", lacks="give the keys")
    operator.run("an escrow opened by nothing", 2, "backup", "verify", place, "--keys", escrow, text="--identity")
    operator.run("new-identity of another", 0, "keys", "new-identity", "other.key")
    operator.run("an escrow opened by another", 1, "backup", "verify", place, "--keys", escrow, "--identity", "other.key",
                 text="does not open")
    write(b"correct horse battery staple\n", store.top, "words", mode=0o600)
    write(b"correct horse battery stable\n", store.top, "wrong", mode=0o600)
    write(b"correct horse battery staple\n", store.top, "open", mode=0o644)
    said = operator.json("an escrow to a passphrase", 0, "keys", "escrow", "--to", "words-safe", "--passphrase-file", "words",
                         context=context)
    report.check("says where it is", said.get("file", "").startswith("words-safe/chartlog-") and said.get("epoch") == 1, said)
    worded = os.path.join(store.top, said.get("file", "none"))
    operator.run("verify with the passphrase", 0, "backup", "verify", place, "--keys", worded, "--passphrase-file", "words",
                 text="whole", lacks="give the keys")
    operator.run("another passphrase", 1, "backup", "verify", place, "--keys", worded, "--passphrase-file", "wrong", text="does not open")
    operator.run("a passphrase that others can read", 1, "backup", "verify", place, "--keys", worded, "--passphrase-file", "open")
    broken = bytearray(read(escrow))
    broken[-40] ^= 1
    write(broken, store.top, "broken.age")
    operator.run("a damaged escrow", 1, "backup", "verify", place, "--keys", "broken.age", "--identity", identity)
    return escrow, identity


def scanning(report, store, places):
    """No name, no secret and no key stands in a destination, nor the root key in an escrow."""
    root = read(store.dir, "root.key").strip()
    needles = {text: text.encode() for text in PLANTED}
    for who in ("service", "admin"):
        key = store.context(who)["key"]
        needles |= {f"{who}'s key": key.encode(), f"{who}'s secret": key.split(".", 1)[1].encode()}
    needles |= {"the root key": root, "the root key, raw": bytes.fromhex(root.decode())}
    # The sealed slots of the key file: not even they are in a backup.
    slots = read(store.dir, "replica-1", "data", "keys")
    for at in range(0, len(slots), 512):
        if slots[at:at + 4] == b"CLKS":
            needles[f"the key file's slot {at // 512}"] = slots[at + 64:at + 112]
    report.check("the key file has slots", any("slot" in name for name in needles), len(slots))
    scanned = 0
    for place in places:
        for name in objects(place):
            data = read(place, name)
            scanned += len(data)
            for what, needle in needles.items():
                report.check(f"{what} is not in {name}", needle not in data and needle.hex().encode() not in data
                             and not any(text in name for text in PLANTED))
    report.check("something was scanned", scanned > 500_000, scanned)


def scheduled(report, operator):
    """A store whose config.json says where backups go, how often, and to whom the keys are sealed."""
    with Store() as store:
        operator = Operator(report, store.top)
        recipient = operator.run("an identity", 0, "keys", "new-identity", "who.key").stdout.decode().strip()
        places = [os.path.join(store.top, name) for name in ("a", "b")]
        config = f"{store.dir}/replica-1/config.json"
        whole = read(config)
        for what, members in (
                ("no places", {"backup": {"to": []}}), ("a place that is none", {"backup": {"to": [7]}}),
                ("every 0 minutes", {"backup": {"to": places, "everyMinutes": 0}}),
                ("escrow to nobody", {"escrow": {"to": "safe"}}),
                ("escrow among backups", {"backup": {"to": places}, "escrow": {"to": places[1] + "/safe", "recipients": [recipient]}}),
                ("escrow to who is none", {"escrow": {"to": "safe", "recipients": ["age1nobody"]}})):
            store.settings(**members)
            operator.run(f"config.json says {what}", 2, "serve", "--config", config)
            write(whole, config)
        store.settings(backup={"to": places, "everyMinutes": 1}, escrow={"to": f"{store.top}/safe", "recipients": [recipient]})
        begun = time.monotonic()
        store.start()
        client = store.client()
        report.check("a store with a schedule makes its first backup by itself, at both places", wait(
            lambda: all(glob.glob(f"{place}/manifests/*.manifest") for place in places)), [objects(p) for p in places if os.path.exists(p)])
        report.check("within seconds", time.monotonic() - begun < 12, time.monotonic() - begun)
        found = wait(lambda: glob.glob(f"{store.top}/safe/chartlog-*-epoch-1.age"))
        report.check("the escrow appears by itself", len(found) == 1 and len(os.listdir(f"{store.top}/safe")) == 1,
                     os.path.exists(f"{store.top}/safe") and os.listdir(f"{store.top}/safe"))
        job = (wait(lambda: [job for job in told(client.get("/v1/backups")).get("backups", []) if job["state"] == "done"]) or [{}])[0]
        said = told(client.get("/v1/backups"))
        report.check("status says how often, that it is escrowed, and who ordered: nobody", said.get("every_seconds") == 60
                     and said.get("escrowed") is True and job.get("ordered_by") is None and job.get("destinations") == places
                     and said.get("age_seconds", 99) < 20, said)
        age = wait(lambda: [line.split()[-1] for line in client.get("/metrics")[2].decode().splitlines()
                            if line.startswith("chartlog_backup_age_seconds ")])
        report.check("the age of the newest backup is a metric", age and 0 <= float(age[0]) < 30, age)
        warnings = (store.status() or {}).get("warnings", [])
        report.check("no warning of backups or keys", not any(word in text for text in warnings for word in ("ackup fail", "escrow", "longer")),
                     warnings)
        operator.run("what was made without an event verifies", 0, "backup", "verify", "b", "--all", "--keys", *found,
                     "--identity", "who.key", text="whole: backup 1")
        operator.run("and is refused as a branch: it has no event", 1, "restore", "branch", "--from", "b", "--keys", *found,
                     "--identity", "who.key", "--into", "none")
        report.check("nothing was made of it", not os.path.exists(f"{store.top}/none"))
        client.append([patient(f"p-{number}") for number in range(20)])
        operator.run("an order without --to goes to both", 0, "backup", "create", context=admin(store), text="backup 2 is made")
        report.check("both are the same", {name: read(places[0], name) for name in objects(places[0])} == {
            name: read(places[1], name) for name in objects(places[1])}, [objects(place) for place in places])
        for place in places:
            operator.run(f"{os.path.basename(place)} verifies", 0, "backup", "verify", place, "--all", context=admin(store), text="whole: backup 1, 2,")
        audit = told(client.get("/fhir/AuditEvent", _count=200))
        made = [entry["resource"] for entry in audit.get("entry", []) if "backup.made" in json.dumps(entry)]
        report.check("each backup is in the audit trail", len(made) == 2, len(made))
        shutil.rmtree(places[1])
        os.rename(places[0], places[0] + "-kept")
        write(b"a file", places[0])
        operator.run("a place that is a file", 1, "backup", "create", context=admin(store), text="no backup was made")
        warnings = wait(lambda: [text for text in (store.status() or {}).get("warnings", []) if "last backup failed" in text])
        report.check("status warns of a backup that failed", warnings, store.status())
        os.remove(places[0])
        os.rename(places[0] + "-kept", places[0])
        operator.run("mended, the next one goes on", 0, "backup", "create", context=admin(store), text="backup 3 is made")
        operator.run("and brings a lost place up to it", 0, "backup", "verify", places[1], "--all", context=admin(store), text="whole: backup 1, 2, 3,")
        shutil.rmtree(places[0])
        operator.run("a lost first place is brought back from the second", 0, "backup", "create", context=admin(store), text="backup 4 is made")
        for place in places:
            operator.run(f"{os.path.basename(place)} verifies from the first backup on", 0, "backup", "verify", place, "--all",
                         context=admin(store), text="whole: backup 1, 2, 3, 4,")
        # The first began anew elsewhere: the second refuses it, and the backup that was made is said to be made.
        os.rename(places[0], places[0] + "-kept")
        os.rename(places[1], places[1] + "-kept")
        operator.run("both places are new", 0, "backup", "create", context=admin(store), text="backup 1 is made")
        shutil.rmtree(places[1])
        os.rename(places[1] + "-kept", places[1])
        said = operator.run("a second place with another chain", 1, "backup", "create", context=admin(store), text="backup 2 was made")
        report.check("is named, with what to do", places[1].encode() in said.stderr and b"another backup" in said.stderr
                     and b"empty directory" in said.stderr, said.stderr)
        shutil.rmtree(places[0])
        os.rename(places[0] + "-kept", places[0])
        operator.run("the right one again", 0, "backup", "create", context=admin(store), text="backup 5 is made")
        # Names and sizes that somebody without keys put there: found, and no replica stops for them.
        for place in places:
            for name in ("18446744073709551615", "999999999999"): write(b"x", place, "manifests", f"{name}.manifest")
            with open(os.path.join(place, "manifests", "000000000098.manifest"), "wb") as huge: huge.truncate(8 << 40)
            os.mkfifo(os.path.join(place, "manifests", "000000000097.manifest"))
            os.mkfifo(os.path.join(place, "tails", "pipe"))
        store.stop()
        store.start()
        report.check("a store starts beside them", wait(lambda: told(store.client().get("/v1/backups")).get("age_seconds") is not None))
        operator.run("verify names them", 1, "backup", "verify", places[0], context=admin(store), text="000000000097.manifest: not to be believed")
        operator.run("list shows what is whole", 1, "backup", "list", places[0], text="000000000098.manifest")
        operator.run("no backup goes on from what cannot be believed", 1, "backup", "create", context=admin(store), text="999999999999")
        operator.run("no branch comes out shorter", 1, "restore", "branch", "--from", places[0], "--into", "shorter", context=admin(store),
                     text="999999999999")
        report.check("nor is anything of it left", not os.path.exists(f"{store.top}/shorter"))
        report.check("the store serves", store.client().get("/livez")[0] == 200)
        for place in places:
            for name in glob.glob(f"{place}/manifests/*"):
                if not 1 <= int(os.path.basename(name).split(".")[0]) <= 9: os.remove(name)
            os.remove(os.path.join(place, "tails", "pipe"))
        operator.run("cleared, all is whole", 0, "backup", "verify", places[0], "--all", context=admin(store), text="whole: backup 1, 2, 3, 4, 5,")
        # Sealed to other recipients, and damaged: written anew at the next start.
        other = operator.run("another identity", 0, "keys", "new-identity", "other.key").stdout.decode().strip()
        store.stop()
        store.settings(escrow={"to": f"{store.top}/safe", "recipients": [other]})
        store.start()
        report.check("an escrow for whom config.json names now", wait(lambda: subprocess.run(
            [binary("chartlog"), "backup", "verify", places[0], "--keys", found[0], "--identity", f"{store.top}/other.key"],
            capture_output=True).returncode == 0))
        with open(found[0], "r+b") as escrow: escrow.truncate(100)
        store.stop()
        store.start()
        report.check("a damaged one is mended", wait(lambda: os.path.getsize(found[0]) > 200))
        # Sealed to a passphrase instead.
        store.stop()
        write(b"correct horse battery staple\n", store.top, "words", mode=0o644)
        store.settings(escrow={"to": f"{store.top}/safe-2", "passphraseFile": f"{store.top}/words"})
        store.start()
        report.check("a passphrase that others can read seals nothing, and status says so", wait(lambda: any(
            "not escrowed" in text for text in (store.status() or {"warnings": []})["warnings"])), store.status())
        report.check("nothing is written", not glob.glob(f"{store.top}/safe-2/*"))
        os.chmod(f"{store.top}/words", 0o600)
        store.stop()
        store.start()
        found = wait(lambda: glob.glob(f"{store.top}/safe-2/chartlog-*-epoch-1.age"))
        report.check("one that is its owner's alone does", len(found) == 1, found)
        operator.run("and opens", 0, "backup", "verify", "b", "--keys", *found, "--passphrase-file", "words", text="whole", lacks="give the keys")
        report.check("the warning is gone", wait(lambda: not any(
            "last backup failed" in text for text in (store.status() or {"warnings": ["last backup failed"]})["warnings"])), store.status())


# ── new stores of what was kept


class Then:
    """What the parent answered as of an instant."""

    def __init__(self, client, position, stamp, questions):
        self.position, self.stamp = position, stamp
        self.answers = [(question, ask(client, question, asof=stamp)) for question in questions]
        self.events = all_events(client, position)


def compare(report, title, store, then, parent=None, replicas=None):
    """A store that went back, against what its parent said as of then: as of that instant to the letter, and as it stands."""
    for replica in replicas or store.replicas[:1]:
        client = store.client(replica=replica)
        different, standing = [], []
        for question, answer in then.answers:
            asked = ask(client, question, asof=then.stamp)
            if exact(asked) != exact(answer):
                different.append((question, answer[0], asked[0]))
            now = ask(client, question)
            if not is_history(question):
                if content(now) != content(answer):
                    standing.append((question, answer[0], now[0]))
            elif answer[0] == 200 and now[0] == 200:
                newest, before = (content(one)[1][:1] for one in (now, answer))
                if newest != before:
                    standing.append((question, "history"))
            elif answer[0] == 404 and now[0] not in (404, 410, 200):
                standing.append((question, answer[0], now[0]))
        report.check(f"{title}: {len(then.answers)} answers as of then are the parent's, to the letter", not different, different[:3])
        report.check(f"{title}: {len(then.answers)} answers now are what stood then", not standing, standing[:3])
        report.check(f"{title}: events up to then are equal, byte for byte", all_events(client, then.position) == then.events)
    if parent is None:
        return
    wrong = []
    for question, answer in then.answers:
        before = parent[str(question)]
        if answer[0] == before[0] == 200 and not is_history(question) and not question[1]:
            wanted = version(before) + (version(answer) != version(before))
            seen = version(ask(store.client(), question))
            if seen != wanted:
                wrong.append((question, version(answer), version(before), seen))
    report.check(f"{title}: what changed since is one version up, and nothing else", not wrong, wrong[:3])


def branch(operator, what, code, *arguments, text=None, context=None, replicas=3):
    """Makes a branch; the store, or None, and what --json said."""
    base = free_port()
    into = os.path.join(operator.top, "branch-" + what.replace(" ", "-").replace(",", ""))
    done = operator.run(what, code, "restore", "branch", *arguments, "--into", into, "--base-port", str(base), "--replicas",
                        str(replicas), "--json", context=context, text=text)
    if code != 0:
        operator.report.check(f"{what}: makes no store", not os.path.exists(into), os.path.exists(into) and os.listdir(into))
        return None, {}
    try:
        said = json.loads(done.stdout)
    except ValueError:
        said = {}
    operator.report.check(f"{what}: nothing unfinished is left", not os.path.exists(into + ".partial"))
    return Branch(into, base, replicas), said


def refusing(report, operator, store, place, keys, told_of, inside):
    """Instants and places that are none."""
    first, last = told_of[0][1], told_of[-1][1]
    source = ["--from", place, *keys]
    branch(operator, "without offset", 2, *source, "--at", first.replace("Z", ""))
    branch(operator, "no instant", 2, *source, "--at", "yesterday")
    branch(operator, "at and position", 2, *source, "--at", first, "--position", "5", text="not both")
    branch(operator, "before the first instant", 1, *source, "--at", shifted(first, -3600), text="before the first")
    branch(operator, "after the last covered", 1, *source, "--at", shifted(last, 60) if shifted(last, 60) < now() else now(-1),
           text="after the last")
    branch(operator, "in the future", 1, *source, "--at", shifted(now(), 3600), text="future")
    branch(operator, "position 0", 1, *source, "--position", "0", text="1 to")
    branch(operator, "a position to come", 1, *source, "--position", "999999", text="1 to")
    low, high = inside[0]["position"] - 1, inside[-1]["position"]
    branch(operator, "inside a transaction", 1, *source, "--position", str(inside[1]["position"]), text=[str(low), str(high)])
    branch(operator, "from nowhere", 1, "--from", os.path.join(store.top, "nowhere"), *keys, text="no such directory")
    branch(operator, "without keys", 2, "--from", place, text="keys are needed")
    branch(operator, "two replicas", 2, *source, replicas=2)
    operator.run("into nothing", 2, "restore", "branch", *source, text="--into")
    operator.run("from nothing", 2, "restore", "branch", "--into", "x", text="--from")
    operator.run("into a directory that exists", 1, "restore", "branch", *source, "--into", store.dir, text="exists already")
    operator.run("under a missing parent", 1, "restore", "branch", *source, "--into", "no/such/parent", text="parent")
    # The destination has seen the audit trail go further than its older backup.
    branch(operator, "an older backup", 1, *source, "--backup", "1", text="go further")
    branch(operator, "a backup that is not there", 1, *source, "--backup", "9")
    copy = os.path.join(store.top, "lacking")
    shutil.copytree(place, copy)
    segments = [name for name in objects(copy) if name.startswith("segments/")]
    report.check("there are several segments", len(segments) >= 2, segments)
    os.remove(os.path.join(copy, segments[1]))
    branch(operator, "a middle segment is missing", 1, "--from", copy, *keys)
    branch(operator, "a middle segment is missing of the backup asked for", 1, "--from", copy, *keys, "--backup", "2", text=segments[1])
    os.remove(os.path.join(copy, segments[0]))
    branch(operator, "the first segment is missing", 1, "--from", copy, *keys, text="missing")
    shutil.rmtree(copy)
    shutil.copytree(place, copy)
    bytes = bytearray(read(copy, segments[1]))
    bytes[len(bytes) // 2] ^= 1
    write(bytes, copy, segments[1])
    branch(operator, "a segment is damaged", 1, "--from", copy, *keys, text=segments[1])
    shutil.rmtree(copy)


def now(seconds=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def tamed(report, operator, made, parent_dir, parent_key, place):
    """A branch is a cluster of its own: its keys work and no other's, and nothing of the old one joins it."""
    expect = expectation(report)
    client = made.client()
    expect("the parent's key is nobody's here", client.request("GET", "/v1/events", headers={"Authorization": f"Bearer {parent_key}"}), 401)
    answer = client.append(patient("p-after-the-branch", expectedversion=0))
    expect("appends go on in a branch", answer, 201)
    expect("and are read at another replica", made.client(replica=2).get("/fhir/Patient/p-after-the-branch"), 200)
    voters = [(member["id"], member["role"]) for member in made.status()["replicas"]]
    report.check("three vote", sorted(role for _, role in voters) == ["primary", "secondary", "secondary"], voters)
    operator.run("a branch does not go on with its parent's backups", 1, "backup", "create", "--to", place, context=admin(made),
                 text="branched from")
    made.stop()
    operator.run("a branch verifies", 0, "verify", made.dir, text="whole")
    for what, part in (("an old replica's directory", ""), ("an old replica's data", "data"), ("an old replica's log", "data/log")):
        kept = os.path.join(made.dir, "replica-3")
        os.rename(kept, kept + ".kept")
        if part:
            shutil.copytree(kept + ".kept", kept)
            shutil.rmtree(os.path.join(kept, part))
        shutil.copytree(os.path.join(parent_dir, "replica-3", part), os.path.join(kept, part))
        made.start()
        answer = made.client().append(patient(f"p-without-{len(part)}"))
        expect(f"{what} in a branch: the other two go on", answer, 201)
        time.sleep(1)
        said = {member["id"]: member for member in made.status()["replicas"]}
        report.check(f"{what} in a branch does not join", said[3]["state"] != "ready" and made.status()["min_durable_copies"] == 2, said.get(3))
        log = read(made.dir, "replica-3", "log").decode()
        report.check(f"{what} in a branch: its log says why", log.splitlines()[-1].startswith("chartlog: "), log[-400:])
        made.stop()
        shutil.rmtree(kept)
        os.rename(kept + ".kept", kept)
    made.start()
    report.check("its own is back at once", wait(lambda: (made.status() or {}).get("min_durable_copies") == 3), made.status())


def counts(report, title, preview, said):
    """What was shown before is what was done."""
    report.check(f"{title}: what was shown is what was done", all(
        said.get(name) == preview.get(name) for name in ("target", "position", "streams", "patients", "vanishing")), (preview, said))


def drilling(report, operator, store, place, last, foreign):
    """A restore tried out before it is needed."""
    context, scratch = admin(store), os.path.join(store.top, "scratch")
    arguments = ["drill", "--from", place, "--scratch", scratch, "--replicas", "1", "--base-port", str(free_port())]
    operator.run("a drill of nothing", 2, "drill", "--scratch", scratch, context=context, text="--from")
    operator.run("a drill over a store", 1, "drill", "--from", place, "--scratch", store.dir, context=context, text="no scratch store")
    report.check("which goes on", store.client().get("/readyz")[0] == 200)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        operator.run("a drill at a port that is taken", 1, *arguments[:-1], str(port - 1), context=context, text=f"port {port}")
    operator.run("a drill of another store's backups", 1, "drill", "--from", foreign, *arguments[3:], context=context, text="another store")
    report.check("neither leaves anything", not os.path.exists(scratch))
    said = operator.json("a drill", 0, *arguments, context=context)
    report.check("tells how many events are lost", said.get("lost_events") == 0, said)
    report.check("tells how much is lost and how long it takes", said.get("right") is True and said.get("position") == last
                 and said.get("loss_ms", -1) >= 0 and 0 < said.get("restore_ms", 0) < 60_000, said)
    operator.run("again, over what it left", 0, *arguments, context=context, text=["RPO", "RTO", "as the backup states"])
    report.check("its scratch store stays, and has stopped", os.path.exists(os.path.join(scratch, "root.key"))
                 and operator.run("a scratch store verifies", 0, "verify", scratch, text="whole").returncode == 0)
    found = [row for row in trail(store.client()).values() if "drill" in json.dumps(row)]
    report.check("drills stand in the audit trail", len(found) == 2, len(found))
    # What a link in it names is not its own.
    outside = os.path.join(store.top, "outside")
    os.mkdir(outside)
    write(b"a letter", outside, "letter")
    os.symlink(outside, os.path.join(scratch, "link"))
    # One that is killed half-way leaves what the next one knows again.
    drill = subprocess.Popen([binary("chartlog"), *arguments], env=dict(os.environ, CHARTLOG_CONTEXT=context),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 15
    while not os.path.exists(scratch + ".partial/replica-1") and time.monotonic() < deadline:
        time.sleep(0.001)
    drill.kill()
    drill.wait()
    report.check("a killed drill leaves its mark", os.listdir(outside) == ["letter"] and not os.path.exists(scratch)
                 and os.path.exists(scratch + ".partial/drill"), os.listdir(store.top))
    operator.run("and the next one wipes it", 0, *arguments, context=context, text="as the backup states")
    report.check("and marks its own", os.path.exists(scratch + "/drill") and not os.path.exists(scratch + ".partial"))
    # Somebody else's unfinished restore.
    os.mkdir(scratch + ".partial")
    write(b"a letter", scratch + ".partial", "letter")
    operator.run("a drill over what is somebody else's", 1, *arguments, context=context, text="no scratch store")
    with open(scratch + ".partial/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        operator.run("a drill over what is being restored", 1, *arguments, context=context, text="no scratch store")
        write(b"", scratch + ".partial", "drill")
        operator.run("a drill over a drill", 1, *arguments, context=context, text="under way")
    report.check("nothing of it is touched", sorted(os.listdir(scratch + ".partial")) == ["drill", "letter", "lock"]
                 and os.path.exists(scratch + "/root.key"))
    shutil.rmtree(scratch + ".partial")
    broken = os.path.join(store.top, "broken")
    shutil.copytree(place, broken)
    segment = [name for name in objects(broken) if name.startswith("segments/")][0]
    data = bytearray(read(broken, segment))
    data[70_000] ^= 1
    write(data, broken, segment)
    operator.run("a drill of what is damaged", 1, "drill", "--from", broken, *arguments[3:], context=context)
    queries = [base64.b64decode(entity["query"]).decode() for row in trail(store.client()).values()
               for entity in row.get("entity", []) if "query" in entity]
    failed = [query for query in queries if query.startswith("drill FAILED")]
    report.check("a drill that failed stands in the audit trail too", len(failed) == 1, [q for q in queries if "drill" in q])
    shutil.rmtree(scratch + ".partial", ignore_errors=True)
    shutil.rmtree(broken)
    service = os.path.join(store.dir, "service.context")
    operator.run("a drill without the right", 1, *arguments, context=service, text="forbidden")


def crossing(report, operator, store, place, keys, foreign):
    """What another command left unfinished is not gone on with; two at once do not mix."""
    into, base = os.path.join(store.top, "crossed"), str(free_port())
    command = [binary("chartlog"), "restore", "branch", "--from", place, *keys, "--into", into, "--base-port", base]
    killed = 0
    for pause in (0.3, 0.2, 0.1, 0.05):
        making = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        making.kill()
        making.wait()
        if os.path.exists(into):
            shutil.rmtree(into)
            continue
        killed += os.path.exists(into + ".partial")
        if killed:
            break
    report.check("an unfinished branch is left", killed)
    theirs = ["restore", "branch", "--from", os.path.join(foreign, "backups"), "--store", os.path.join(foreign, "store"), "--into", into,
              "--base-port", base]
    operator.run("another store's backups, over what is unfinished", 0, *theirs)
    rows = operator.run("a store of the second source", 0, "verify", into, "--json").stdout.splitlines()
    report.check("nothing of the first is in it", [json.loads(row)["position"] for row in rows] == [6, 6, 6], rows)
    shutil.rmtree(into)
    # Begun from the other store's last segment, under the number of a closed one of ours.
    os.makedirs(into + ".partial/replica-1/data/log", mode=0o700)
    write(b"half a segment", into + ".partial/replica-1/data/log", "000000000001.segment")
    operator.run("a directory of others in the place of what is unfinished", 1, *command[1:], text="no unfinished restore")
    os.rename(into + ".partial", into + ".others")
    os.symlink(into + ".others", into + ".partial")
    operator.run("a link in its place", 1, *command[1:], text="no unfinished restore")
    os.remove(into + ".partial")
    os.rename(into + ".others", into + ".partial")
    report.check("neither is touched", read(into + ".partial/replica-1/data/log/000000000001.segment") == b"half a segment")
    write(b"", into + ".partial", "lock")
    operator.run("over what another source left", 1, *command[1:], text=["begun from another source", "remove it"])
    report.check("makes no store", not os.path.exists(into))
    shutil.rmtree(into + ".partial")
    # The backup that a killed run ordered is still being made, slowly.
    report.check("replica 3 makes none of an earlier run", wait(lambda: all(
        job["state"] != "running" for job in json.loads(
            store.client("admin", replica=3).request("GET", "/v1/backups")[2])["backups"])))
    live = os.path.join(store.top, "live")
    os.mkdir(live + ".partial")
    write(b"", live + ".partial", "lock")
    operator.run("a backup that goes on", 0, "backup", "create", "--to", live + ".partial/live", "--replica", "3", "--no-wait",
                 context=admin(store))
    operator.run("the same restore waits for it", 0, "restore", "branch", "--from", "LIVE", "--into", live, "--base-port", base,
                 context=admin(store))
    operator.run("and is whole as well", 0, "verify", live, text="whole")
    report.check("and has nothing of it in it", not os.path.exists(live + "/live") and not os.path.exists(live + ".partial"))
    shutil.rmtree(live)
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    told_each = [one.communicate(timeout=120)[1] for one in both]
    codes = sorted(one.returncode for one in both)
    report.check("of two at once one is done, the other refused", codes == [0, 1] and any(
        b"under way" in one or b"exists already" in one for one in told_each), (codes, told_each))
    operator.run("and is whole", 0, "verify", into, text="whole")
    report.check("and nothing is left of how it was made", not os.path.exists(into + ".partial") and sorted(os.listdir(into)) == [
        "admin.context", "ca.key", "ca.pem", "replica-1", "replica-2", "replica-3", "root.key", "service.context", "tls"], os.listdir(into))
    shutil.rmtree(into)


# ── the store itself


def rewinding(report, operator, store, thens, told_of, subjects):
    """Back to an instant, by appending."""
    expect = expectation(report)
    context, service = admin(store), os.path.join(store.dir, "service.context")
    client = store.client()
    then = thens[1]

    def digests():
        def equal():
            status = store.status()
            rows = [(member["position"], {name: view["digest"] for name, view in member["digests"].items()})
                    for member in status["replicas"]] if status else []
            return rows[0] if len(rows) == 3 and all(row == rows[0] for row in rows) else None
        return wait(equal)

    before = digests()
    position = before[0]
    operator.run("a rewind needs who administers", 1, "restore", "rewind", "--position", "5", "--yes", context=service, text="forbidden")
    operator.run("a preview too", 1, "restore", "preview", "--position", "5", context=service, text="forbidden")
    operator.run("back to when?", 2, "restore", "rewind", "--yes", context=context)
    operator.run("an instant without offset", 2, "restore", "rewind", "--at", then.stamp.replace("Z", ""), context=context)
    operator.run("before the first event", 1, "restore", "rewind", "--at", shifted(told_of[0][1], -3600), context=context, text="bad-instant")
    operator.run("the future", 1, "restore", "rewind", "--at", shifted(now(), 3600), context=context, text="bad-instant")
    operator.run("a position to come", 1, "restore", "rewind", "--position", str(position + 9), context=context, text="bad-position")
    operator.run("to now", 1, "restore", "rewind", "--position", str(position), context=context, text="order-refused")
    preview = operator.json("a preview", 0, "restore", "preview", "--at", then.stamp, context=context)
    operator.run("a preview as a card", 0, "restore", "preview", "--position", str(then.position), context=context,
                 text=["streams that change", "nothing was changed"])
    again = operator.json("a rewind without --yes", 0, "restore", "rewind", "--at", then.stamp, context=context)
    report.check("is a preview", preview == again and preview.get("applied") is False, (preview, again))
    after = digests()
    report.check("a preview changes nothing", after[0] == position and all(
        after[1][view] == before[1][view] for view in ("patient", "appointment")), (before, after))

    vanishing = [subject for subject in subjects if ask(client, about([subject], False)[0], asof=then.stamp)[0] == 404]
    undone = [event for event in client.events(after=then.position) if event["subject"] == vanishing[0]][0]
    parent = {str(question): ask(client, question) for question, _ in then.answers}
    done = operator.json("a rewind", 0, "restore", "rewind", "--at", then.stamp, "--yes", context=context)
    rewound = done.get("rewoundby", 0)
    report.check("it is one event", done.get("applied") is True and rewound == position + 1, done)
    report.check("what was shown is what was done", all(done.get(name) == preview[name] for name in preview if name != "applied"),
                 (preview, done))
    compare(report, "after a rewind", store, then, replicas=store.replicas)
    state = digests()
    report.check("all replicas fold it alike", state and state[0] == rewound, store.status())

    # What was made since.
    question = about([vanishing[0]], False)[0]
    expect("what was made since is gone", client.get(question[0]), 410)
    expect("and its history is not", client.get(question[0] + "/_history"), (200, 410))
    report.check("as of before the rewind it is there", ask(client, question, asof=position)[0] == 200)
    sent = {name: value for name, value in undone.items() if name not in ("position", "streamversion", "recordedtime", "actor")}
    answer = client.append(sent)
    expect("a retry of what was undone", answer, 200)
    report.check("says what undid it", told(answer)["events"][0].get("rewoundby") == rewound, told(answer))
    gone = next(subject for subject in vanishing if subject.startswith("patient/"))
    id = gone.split("/")[1]
    expect("a change of it", client.append(patch(gone, "patient.contact-amended", {"telecom": []}, "r-1")), 410)
    last = max(int(event["streamversion"]) for event in client.events() if event.get("subject") == gone)
    lines = [json.loads(line) for line in client.get("/v1/events", subject=gone)[2].splitlines()[:-1]]
    answer = client.append(patient(id, event="r-2", expectedversion=0))
    expect("it can be registered anew", answer, 201)
    report.check("and its versions go on", told(answer)["events"][0]["version"] == last + 2, (told(answer), last))
    expect("and is there", client.get(f"/fhir/Patient/{id}"), 200)

    # How it is shown in one stream.
    report.check("the rewind stands in the stream's events", lines[-1]["type"] == "chartlog.rewound" and lines[-1]["subject"] == gone
                 and lines[-1]["streamversion"] == last + 1 and lines[-1]["position"] == str(rewound), lines[-1])
    listed = operator.run("events --subject shows it", 0, "events", "--subject", gone, "--json", context=service).stdout.decode()
    report.check("with its version", f'"streamversion":{last + 1}' in listed and "chartlog.rewound" in listed, listed[-500:])
    changed = next(question for question, answer in then.answers if answer[0] == 200 and question[1] == {} and not is_history(question)
                   and version(parent[str(question)]) != version(answer))
    history = json.loads(client.get(changed[0] + "/_history")[2])["entry"]
    was = version(parent[str(changed)])
    report.check("_history shows the version that came of it", [int(entry["resource"]["meta"]["versionId"]) for entry in history][:2] == [
        was + 1, was], history[0])
    expect("and it can be asked for", client.get(f"{changed[0]}/_history/{was + 1}"), 200)
    report.check("versions undone stay readable", exact(parent[str(changed)])[2].startswith('{"resourceType"')
                 and json.loads(client.get(f"{changed[0]}/_history/{was}")[2]) == json.loads(parent[str(changed)][1]))

    # The audit trail.
    found = trail(client)
    lacking = [f"e-{number}" for number in range(1, rewound + 2) if f"e-{number}" not in found]
    report.check("every event is in the audit trail, the undone ones too", not lacking, lacking[:5])
    numbers = sorted(int(id[2:]) for id in found if id.startswith("r-"))
    report.check("and every record", numbers == list(range(1, len(numbers) + 1)), numbers[-3:])
    ordered = [row for row in found.values() if "restore.ordered" in json.dumps(row)]
    report.check("the order is in it, by whom", len(ordered) >= 1 and all("admin" in json.dumps(row) for row in ordered), len(ordered))
    theirs = trail(client, patient=id)
    report.check("by patient too: what was undone and the rewind", f"e-{rewound}" in theirs and f"e-{undone['position']}" in found
                 and all(f"e-{line['position']}" in theirs for line in lines), sorted(theirs)[:10])

    # Back again.
    second = operator.json("a rewind of the rewind", 0, "restore", "rewind", "--position", str(position), "--yes", context=context)
    report.check("is one more event", second.get("rewoundby") == rewound + 2, second)
    wrong = [question for question, _ in then.answers if not is_history(question)
             and content(ask(client, question)) != content(parent[str(question)])]
    report.check("what was undone counts again", not wrong, wrong[:3])
    answer = client.append(sent)
    report.check("a retry of what counts again says nothing of a rewind", answer[0] == 200
                 and "rewoundby" not in told(answer)["events"][0], told(answer))

    # As of any instant, at any replica, whoever leads.
    for turn in ("before a failover", "after a failover"):
        for then in thens:
            for replica in store.replicas:
                other = store.client(replica=replica)
                wrong = [question for question, answer in then.answers if exact(ask(other, question, asof=then.stamp)) != exact(answer)]
                report.check(f"as of {then.position} at replica {replica}, {turn}: as it was", not wrong, wrong[:3])
        if turn == "before a failover":
            old = store.primary()
            store.kill9(old)
            report.check("another leads", wait(lambda: store.primary() not in (None, old)), store.status())
    report.check("and all replicas have equal digests", digests(), store.status())


def main():
    report = Report("restores")
    with Store(replicas=3) as store:
        operator = Operator(report, store.top)
        store.configure(segmentFrames=512, snapshotEvery=1000)
        store.settings(only=3, backup={"to": [os.path.join(store.top, "never")], "bytesPerSecond": 65536})
        store.start()
        report.check("all three are ready", wait(lambda: all(
            member["state"] == "ready" for member in (store.status() or {"replicas": [{"state": ""}]})["replicas"])))
        client = store.client()
        events = generated(11, 30, 1148) + [patient("p-late"), patch(
            "patient/p-late", "patient.contact-amended", {"telecom": [{"system": "phone", "value": "7"}]}, "late-2")]
        place, told_of, inside = making(report, operator, store, client, events)
        warnings = store.status()["warnings"]
        report.check("status warns while the keys are not escrowed", any("escrowed" in text for text in warnings), warnings)
        last = told_of[-1][0]
        looking(report, operator, store, place, last)
        escrow, identity = escrowing(report, operator, store, place)
        keys = ["--keys", escrow, "--identity", identity]
        scanning(report, store, [place, os.path.dirname(escrow)])

        # What the parent says as of two instants, and now.
        subjects = sorted({event["subject"] for event in events if event["subject"].startswith(("patient/", "appointment/"))})
        dice = random.Random(3)
        patients = [subject for subject in subjects if subject.startswith("patient/")]
        chosen = dice.sample(patients, 8) + dice.sample([one for one in subjects if one not in patients], 16)
        families = sorted({event["data"]["name"][0]["family"] for event in events if event["type"] == "patient.registered"})
        questions = about(chosen) + searches([one.split("/")[1] for one in patients[:4]], ["pr-1", "pr-3"], families[:3])
        thens = [Then(client, *told_of[at], questions) for at in (260, 640, len(told_of) - 1)]
        parent = {str(question): ask(client, question) for question in questions}

        # ── branches of what runs
        with Store() as other:
            foreign = os.path.join(other.top, "backups")
            other.start()
            other.client().append([patient(f"p-{number}") for number in range(5)])
            other.client().append(patient("p-5"))
            operator.run("another store's backup", 0, "backup", "create", "--to", foreign, context=admin(other))
            operator.run("another store's destination", 1, "backup", "create", "--to", foreign, context=admin(store), text="another store")
            operator.run("another store's keys", 1, "backup", "verify", place, context=admin(other))
            branch(operator, "with another store's keys", 1, "--from", place, "--store", other.dir, text="another store")
            damaging(report, operator, store, place, foreign)
            # Kept for later: backups of another store, and its keys.
            foreign_kept = os.path.join(store.top, "foreign")
            shutil.copytree(other.top, foreign_kept)
        expiring(report, operator, store, place)
        refusing(report, operator, store, place, keys, told_of, inside)
        scheduled(report, operator)

        audit = trail(client)
        made, said = branch(operator, "of the running store", 0, "--from", store.dir, replicas=1)
        report.check("without an instant it is all there is", said.get("target") == last == said.get("position")
                     and said.get("streams") == 0 and "rewoundby" not in said and said.get("complete") is True, said)
        with made:
            made.start()
            compare(report, "a branch of the running store", made, thens[-1])
            theirs = trail(made.client())
            wrong = [id for id, row in audit.items() if theirs.get(id) != row]
            report.check(f"its audit trail begins with its parent's, {len(audit)} entries, to the letter", not wrong, wrong[:5])
        preview = operator.json("a preview in the parent", 0, "restore", "preview", "--position", str(thens[1].position), context=admin(store))
        # The same of a backup, without making it; then made of what is copied.
        shown, base = os.path.join(store.top, "shown"), str(free_port())
        arguments = ["restore", "branch", "--from", place, *keys, "--position", str(thens[1].position), "--into", shown,
                     "--base-port", base, "--replicas", "1"]
        said = operator.json("a preview of a branch", 0, *arguments, "--preview")
        counts(report, "a preview of a branch", preview, said)
        report.check("a preview makes nothing", said.get("made") is False and "cluster" not in said and not os.path.exists(shown)
                     and os.path.exists(shown + ".partial"), said)
        operator.run("a preview as a person reads it", 0, *arguments, "--preview", text=["streams that change", "without --preview"])
        segment = os.path.join(shown + ".partial", "replica-1", "data", "log", "000000000001.segment")
        inode = os.stat(segment).st_ino
        said = operator.json("the branch it told of", 0, *arguments)
        counts(report, "after a preview", preview, said)
        report.check("of the segments that were copied", os.stat(segment.replace(".partial", "")).st_ino == inode)
        with Branch(shown, int(base), 1) as one:
            one.start()
            compare(report, "a branch after its preview", one, thens[1], parent)
        operator.run("a branch after its preview verifies", 0, "verify", shown, text="whole")
        made, said = branch(operator, "of LIVE at a position", 0, "--from", "LIVE", "--position", str(thens[1].position),
                            context=admin(store), replicas=1)
        counts(report, "a branch", preview, said)
        with made:
            made.start()
            compare(report, "a branch of LIVE", made, thens[1], parent)
            theirs = trail(made.client())
            wrong = [id for id, row in audit.items() if theirs.get(id) != row]
            report.check("the audit trail does not go back with it", not wrong, wrong[:5])
            branch(operator, "of a branch, from LIVE, not its parent's keys", 1, "--from", os.path.join(store.top, "nowhere"), *keys)
            second, said = branch(operator, "of a branch", 0, "--from", made.dir, "--at", thens[0].stamp, replicas=1)
            report.check("a branch of a branch says whose it is", said.get("target") == thens[0].position
                         and said.get("position") == last + 1, said)
            own = os.path.join(store.top, "own")
            operator.run("a branch is backed up to a place of its own", 0, "backup", "create", "--to", own, context=admin(made),
                         text="backup 1 is made")
            operator.run("and its backup verifies with its keys", 0, "backup", "verify", own, context=admin(made), text="whole", lacks="give the keys")
            operator.run("and not with its parent's", 1, "backup", "verify", own, "--store", store.dir)
            made_key = made.context()["key"]
        client = store.client()
        report.check("a branch's key is nobody's in the parent", client.request(
            "GET", "/v1/events", headers={"Authorization": f"Bearer {made_key}"})[0] == 401)
        third, _ = branch(operator, "of a branch's backup", 0, "--from", own, "--store", made.dir, "--at", thens[1].stamp, replicas=1)
        for title, one, then in (("a branch of a branch", second, thens[0]), ("a branch of a branch's backup", third, thens[1])):
            with one:
                one.start()
                compare(report, title, one, then)
                report.check(f"{title}: appends go on", one.client().append(patient("p-later"))[0] == 201)
            operator.run(f"{title}: verifies", 0, "verify", one.dir, text="whole")
        older, said = branch(operator, "of an older backup with the flag", 0, "--from", place, *keys, "--backup", "1",
                             "--older-registers", replicas=1)
        report.check("it ends where that backup ends", said.get("position") == 624, said)

        # The last entry that stays is in the middle of a segment that is not the last: what was cut of it is copied anew.
        dropping = ["--from", place, *keys, "--at", thens[1].stamp, "--drop-after"]
        shown = operator.json("a preview without what came after", 0, "restore", "branch", *dropping, "--preview", "--replicas", "1",
                              "--into", os.path.join(store.top, "branch-without-what-came-after"))
        cut, said = branch(operator, "without what came after", 0, *dropping, replicas=1)
        counts(report, "without what came after", shown, said)
        report.check("it ends there", said.get("target") == thens[1].position and said.get("streams") == 0, said)
        report.check("and tells that nothing else is in it", said.get("later_events") == 0 == said.get("later_records"), said)
        report.check("nothing is left of the cut", not os.path.exists(os.path.join(cut.dir, "replica-1", "data", "cut")))
        with cut:
            cut.start()
            compare(report, "a branch without what came after", cut, thens[1])
            listed = cut.client().events()
            report.check("nothing of it is in the log", len(listed) == thens[1].position, len(listed))
            theirs = trail(cut.client())
            report.check("nor in the audit trail, but for what the branch did itself", not [
                id for id in theirs if id.startswith("e-") and int(id[2:]) > thens[1].position], len(theirs))
            report.check("appends go on", cut.client().append(patient("p-later"))[0] == 201)
        operator.run("a branch without what came after verifies", 0, "verify", cut.dir, text="whole")
        drilling(report, operator, store, place, last, os.path.join(foreign_kept, "backups"))
        crossing(report, operator, store, place, keys, foreign_kept)
        rewinding(report, operator, store, thens, told_of, subjects)

        # ── the store is lost
        final = json.loads(store.client().get("/v1/events", limit=1, order="desc")[2].splitlines()[0])
        store.stop()
        parent_key = store.context()["key"]
        operator.run("a store that does not run", 1, "restore", "branch", "--from", store.dir, "--into", "x", text="not running")
        operator.run("a dead replica", 0, "restore", "branch", "--from", f"{store.dir}/replica-1", "--into", "of-one", "--replicas", "1",
                     text=["acknowledged beyond", "chartlog start of-one"])
        made, said = branch(operator, "of a dead replica", 0, "--from", f"{store.dir}/replica-2", "--at", thens[0].stamp, replicas=1)
        report.check("it says that something may be missing", said.get("complete") is False and said.get("position") == int(final["position"]), said)
        with made:
            made.start()
            compare(report, "a branch of a dead replica", made, thens[0])
        gone = store.dir + ".gone"
        os.rename(store.dir, gone)
        made, said = branch(operator, "of backups and escrow alone", 0, "--from", place, *keys, "--at", thens[0].stamp)
        report.check("it says what it is", said.get("target") == thens[0].position and said.get("position") == last
                     and said.get("rewoundby") == last + 1 and len(said.get("endpoints", [])) == 3, said)
        with made:
            made.start()
            compare(report, "a branch of backups and escrow alone", made, thens[0], parent, replicas=made.replicas)
            tamed(report, operator, made, gone, parent_key, place)
        os.rename(gone, store.dir)
    report.end()


main()
