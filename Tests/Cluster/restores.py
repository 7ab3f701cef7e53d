"""Going back, under load: what the views answered at random instants, while several write, the store is rewound now and then
and a primary is killed now and then, is what they answer for ever as of then: on every replica, before and after a failover,
on branches from live, from backups and of branches, after a rewind to that instant and after a rewind of that rewind. Whoever
makes a backup, a branch or a rewind is killed at any moment, and disks are full: it is done, or not, and never by half.

CHARTLOG_INSTANTS says how many instants (60), CHARTLOG_RESTORE_KILLS how often each kind of work is killed (3), CHARTLOG_SEED
which."""

import datetime
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

from answers import about, ask, content, exact, is_history
from harness import Branch, Report, Store, binary, free_port, generated
from history import check_digests, fold, separate, settled, without_meta

INSTANTS = int(os.environ.get("CHARTLOG_INSTANTS", "60"))
KILLS = int(os.environ.get("CHARTLOG_RESTORE_KILLS", "3"))
SEED = int(os.environ.get("CHARTLOG_SEED", "1"))


class Clerk(threading.Thread):
    """Appends its own clinic's events, and sends again what got no answer. What a rewind has made impossible is refused: now
    and then the patient is registered or the appointment booked anew, else it is left out, and when too much is, another
    clinic opens."""

    def __init__(self, store, number, clinic, pause=0.004):
        super().__init__(daemon=True)
        self.store, self.number, self.clinic, self.pause = store, number, clinic, pause
        self.dice = random.Random(number)
        self.clinics, self.events, self.at = 0, [], 0
        self.acknowledged, self.refused, self.wrong = [], 0, []
        # What began each stream, and which events were sent once more behind it.
        self.began, self.anew = {}, set()
        self.stopping = False

    def begin_anew(self, event):
        """Has a stream that was rewound away begun again, and the event come after that."""
        first = self.began.get(event["subject"])
        if first is None or event["id"] in self.anew or self.dice.randrange(2):
            return
        self.anew.add(event["id"])
        self.events[self.at + 1:self.at + 1] = [dict(first, id=f"{first['id']}-anew{len(self.anew)}"), event]

    def open(self):
        self.clinics += 1
        for event in self.clinic:
            event = separate(event, f"{self.number}c{self.clinics}")
            event["id"] += f"-{self.number}c{self.clinics}"
            self.events.append(event)

    def run(self):
        clients = [self.store.client(timeout=3, replica=replica) for replica in self.store.replicas]
        turn, refusals = self.number, 0
        while not self.stopping:
            if self.at == len(self.events) or refusals > 12:
                self.at, refusals = len(self.events), 0
                self.open()
            batch = self.events[self.at:self.at + self.dice.choice([1, 1, 1, 3])]
            while not self.stopping:
                try:
                    status, _, body = clients[turn % len(clients)].append(batch if len(batch) > 1 else batch[0])
                except (OSError, http.client.HTTPException):
                    status = 0
                if status not in (0, 503, 504, 429):
                    break
                turn += 1
                time.sleep(0.02)
            else:
                return
            if status in (200, 201):
                refusals = 0
                for event, told in zip(batch, json.loads(body)["events"]):
                    self.acknowledged.append((event["id"], event["subject"], told["version"], told["position"]))
                    if event["type"] in ("patient.registered", "appointment.booked"):
                        self.began.setdefault(event["subject"], event)
            elif status in (404, 409, 410, 422):
                self.refused, refusals = self.refused + 1, refusals + 1
                if status in (404, 410) and len(batch) == 1:
                    self.begin_anew(batch[0])
            else:
                self.wrong.append((status, body[:300]))
                return
            self.at += len(batch)
            time.sleep(self.pause)


class Instant:
    """What was answered at one moment, which is known by its position."""

    def __init__(self, position, answers):
        self.position, self.answers = position, answers


class Recorder(threading.Thread):
    """Asks at random moments, at any replica: the first question as of now, and that is the instant; the others of the same
    instant at once after it."""

    def __init__(self, store, clerks, wanted, seconds):
        super().__init__(daemon=True)
        self.store, self.clerks, self.wanted = store, clerks, wanted
        self.rest = seconds / wanted
        self.dice = random.Random(SEED)
        self.instants, self.wrong = [], []
        self.stopping = False

    def questions(self):
        clerk = self.dice.choice(self.clerks)
        told = clerk.acknowledged[-400:] if self.dice.randrange(2) else list(clerk.acknowledged)
        subjects = sorted({row[1] for row in told if row[1].startswith(("patient/", "appointment/"))})
        if len(subjects) < 8:
            return None
        found = about(self.dice.sample(subjects, 3), histories=False) + about(self.dice.sample(subjects, 1))
        booked = [event for event in clerk.events[max(0, clerk.at - 400):clerk.at]
                  if event["type"] == "appointment.booked" and "participant" in event.get("data", {})]
        if booked:
            data = self.dice.choice(booked)["data"]
            for participant in data["participant"]:
                kind, id = participant["actor"]["reference"].split("/")
                if kind == "Patient":
                    found.append(("/fhir/Appointment", {"patient": id, "_count": 200}))
                elif kind == "Practitioner":
                    found.append(("/fhir/Appointment", {"practitioner": id, "date": data["start"][:10], "_count": 200}))
        self.dice.shuffle(found)
        return found

    def run(self):
        clients = [self.store.client(timeout=5, replica=replica) for replica in self.store.replicas]
        while not self.stopping and len(self.instants) < self.wanted:
            time.sleep(self.dice.uniform(0, 2 * self.rest))
            questions = self.questions()
            if not questions:
                continue
            try:
                first = ask(self.dice.choice(clients), questions[0])
                if first[0] not in (200, 404, 410):
                    self.wrong.append((questions[0], first[0], first[1][:200]))
                    continue
                if first[2] == 0:
                    continue
                answers = [(questions[0], first)]
                for question in questions[1:]:
                    answers.append((question, ask(self.dice.choice(clients), question, asof=first[2])))
                self.instants.append(Instant(first[2], answers))
            except (OSError, http.client.HTTPException) as why:
                self.wrong.append(str(why))


class Log:
    """All events of a store, and what stands of them at a position, by a fold that knows nothing of Chartlog's."""

    def __init__(self, events):
        self.events = events
        self.rewinds = [(int(event["position"]), int(event["data"]["target"])) for event in events
                        if event["type"] == "chartlog.rewound"]
        self.of = {}
        for event in events:
            if event["type"] != "chartlog.rewound":
                self.of.setdefault(event["subject"], []).append(event)

    def pieces(self, position):
        """The runs of positions that count at a position: a rewind leaves what is up to its target, as it counted then."""
        found = []
        while True:
            rewind = next(((at, target) for at, target in reversed(self.rewinds) if at <= position), None)
            if rewind is None:
                return found + [(1, position)]
            found.append((rewind[0] + 1, position))
            position = rewind[1]

    def standing(self, subject, position):
        """The resource at a position; None when there is none."""
        pieces = self.pieces(position)
        events = [event for event in self.of.get(subject, [])
                  if any(first <= int(event["position"]) <= last for first, last in pieces)]
        return fold(events).get(subject)

    def check(self, report, title, instants, appointments):
        """Answers against the fold; how many."""
        wrong, count = [], 0
        for instant in instants:
            for question, answer in instant.answers:
                path, parameters = question
                if is_history(question) or answer[0] not in (200, 404, 410):
                    continue
                count += 1
                if not parameters:
                    kind, id = path.split("/")[2:]
                    expected = self.standing(f"{kind.lower()}/{id}", instant.position)
                    seen = without_meta(json.loads(answer[1])) if answer[0] == 200 else None
                elif "patient" in parameters:
                    expected = sorted(id for id in appointments.get(parameters["patient"], [])
                                      if self.standing(f"appointment/{id}", instant.position))
                    seen = sorted(entry["resource"]["id"] for entry in json.loads(answer[1]).get("entry", []))
                else:
                    continue
                if expected != seen:
                    wrong.append((instant.position, question, answer[0], str(expected)[:150], str(seen)[:150]))
        report.check(f"{title}: answers are what an independent fold gives", not wrong, wrong[:3])
        return count


def appointments_of(events):
    """Of each patient, the appointments that ever named him."""
    found = {}
    for event in events:
        for participant in (event.get("data") or {}).get("participant", []) or []:
            reference = (participant.get("actor") or {}).get("reference", "")
            if reference.startswith("Patient/"):
                found.setdefault(reference.split("/")[1], set()).add(event["subject"].split("/")[1])
    return found


def before(stamp):
    """The microsecond before an event: the last at which it had not happened."""
    if stamp is None:
        return None
    at = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")) - datetime.timedelta(microseconds=1)
    return at.isoformat(timespec="microseconds")


def same(report, title, client, instants):
    """The same questions as of then, and the same answers, to the letter."""
    different = []
    for instant in instants:
        for question, answer in instant.answers:
            again = ask(client, question, asof=instant.position)
            if exact(again) != exact(answer):
                different.append((instant.position, question, answer[0], again[0], answer[2], again[2]))
    report.check(f"{title}: {len(instants)} instants answer as they did", not different, (len(different), different[:3]))


def stands(report, title, client, instant):
    """What stands now is what stood then."""
    different = []
    for question, answer in instant.answers:
        if not is_history(question):
            if content(ask(client, question)) != content(answer):
                different.append((instant.position, question, answer[0]))
    return report.check(f"{title}: what stands now is what stood then", not different, different[:3])


def run(*arguments, context=None, patience=300):
    environment = {name: value for name, value in os.environ.items() if name != "CHARTLOG_CONTEXT"}
    if context:
        environment["CHARTLOG_CONTEXT"] = context
    return subprocess.run([binary("chartlog"), *arguments], env=environment, capture_output=True, timeout=patience)


def said(done):
    return done.returncode, done.stdout[-300:], done.stderr[-300:]


def objects(place):
    return {os.path.relpath(os.path.join(folder, name), place): os.stat(os.path.join(folder, name)).st_ino
            for folder, _, names in os.walk(place) for name in names}


def held(report, what, done, code=0, text=None):
    return report.check(what, done.returncode == code and (text is None or text in (done.stdout + done.stderr).decode()), said(done))


def rewind(report, store, admin, position):
    """Rewinds; where a failover leaves it open whether that was done, sees whether it was. Its position, or None."""
    for _ in range(5):
        status = settled(store)
        if status is None:
            return None
        done = run("restore", "rewind", "--position", str(position), "--yes", "--json", context=admin)
        if done.returncode == 0:
            return json.loads(done.stdout)["rewoundby"]
        # Unknown, or surely not done.
        if done.returncode != 4 and b'"status":503' not in done.stdout and b"outcome-unknown" not in done.stdout:
            report.check(f"a rewind to {position} is made, or not for good reason", False, said(done))
            return None
        settled(store)
        time.sleep(1)
        found = [int(event["position"]) for event in store.client(timeout=60).events(status["position"])
                 if event["type"] == "chartlog.rewound"]
        if found:
            return found[-1]
    return None


# ── instants


def recording(report, store, admin, place):
    """Load, rewinds, failovers and two backups, while answers are kept; the instants, and where each backup ends."""
    dice = random.Random(SEED)
    seconds = max(16.0, INSTANTS * 0.12)
    clerks = [Clerk(store, number, generated(200 + number, 12, 1500)) for number in range(3)]
    recorder = Recorder(store, clerks, INSTANTS, seconds)
    for thread in [*clerks, recorder]:
        thread.start()
    begun, rewinds, failovers, ends = time.monotonic(), 0, 0, []
    limit = begun + 4 * seconds + 30
    while (recorder.is_alive() or len(ends) < 2) and time.monotonic() < limit:
        time.sleep(dice.uniform(1.0, 2.2))
        if len(recorder.instants) >= INSTANTS * (1 + len(ends)) // 2:
            done = run("backup", "create", "--to", place, "--json", context=admin)
            if held(report, "a backup under load", done):
                ends.append(json.loads(done.stdout)["position"])
            else:
                ends.append(0)
        elif recorder.instants and dice.randrange(3):
            # Mostly a moment ago; sometimes far back, to before other rewinds.
            back = recorder.instants[-1] if dice.randrange(4) else dice.choice(recorder.instants[-8:])
            done = run("restore", "rewind", "--position", str(back.position), "--yes", "--json", context=admin)
            if done.returncode == 0:
                rewinds += 1
            else:
                report.check("a rewind is refused for good reason alone", b"unavailable" in done.stdout + done.stderr
                             or b"order-refused" in done.stdout + done.stderr, said(done))
        else:
            primary = store.primary()
            if primary and store.kill9(primary):
                failovers += 1
                report.check("the replicas settle after a kill", settled(store) is not None, store.status())
    for thread in [*clerks, recorder]:
        thread.stopping = True
    for thread in [*clerks, recorder]:
        thread.join(60)
    for clerk in clerks:
        report.check(f"clerk {clerk.number} is refused for rewinds alone", not clerk.wrong, clerk.wrong)
    report.check("as many instants as wanted", len(recorder.instants) == INSTANTS, len(recorder.instants))
    report.check("every question was answered", not recorder.wrong, recorder.wrong[:3])
    report.check("there were rewinds and failovers", rewinds and failovers, (rewinds, failovers))
    print(f"  {INSTANTS} instants in {time.monotonic() - begun:.0f} s, {sum(len(clerk.acknowledged) for clerk in clerks)} events "
          f"acknowledged, {sum(clerk.refused for clerk in clerks)} requests refused after {rewinds} rewinds, {failovers} failovers, "
          f"{sum(1 for clerk in clerks for row in clerk.acknowledged if '-anew' in row[0])} streams begun anew",
          flush=True)
    return clerks, recorder.instants, ends


def judged(report, store, clerks, instants):
    """The log against what was acknowledged, and the answers against a fold of it."""
    events = store.client(timeout=60).events()
    report.check("positions have no gap", [int(event["position"]) for event in events] == list(range(1, len(events) + 1)))
    at = {event["id"]: event for event in events}
    missing = [row for clerk in clerks for row in clerk.acknowledged
               if row[0] not in at or (at[row[0]]["subject"], int(at[row[0]]["position"])) != (row[1], row[3])]
    report.check("every acknowledged event is present where its answer said, undone or not", not missing, missing[:3])
    log = Log(events)
    count = log.check(report, "instants", instants, appointments_of(events))
    print(f"  {len(events)} events, {len(log.rewinds)} rewinds, {count} answers folded again", flush=True)
    return log


def branched(report, top, title, arguments, context=None, replicas=1):
    """A branch, or None."""
    base = free_port()
    into = os.path.join(top, "branch-" + title.replace(" ", "-"))
    done = run("restore", "branch", *arguments, "--into", into, "--base-port", str(base), "--replicas", str(replicas), "--json",
               context=context)
    if not held(report, f"branch {title}", done):
        return None
    return Branch(into, base, replicas)


def position_now(client):
    """The last position: an append of nothing answers with it, as current as a read is."""
    for _ in range(200):
        try:
            answer = client.append([])
            if answer[0] == 200:
                return json.loads(answer[2])["position"]
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise SystemExit("nobody leads")


def going_back(report, store, admin, place, instants, ends, log):
    """The instants, asked again everywhere."""
    dice = random.Random(SEED + 1)
    for turn in ("before a failover", "after a failover"):
        for replica in store.replicas:
            same(report, f"replica {replica}, {turn}", store.client(timeout=30, replica=replica), instants)
        if turn == "before a failover":
            store.kill9(store.primary())
            report.check("the replicas settle", settled(store) is not None, store.status())

    stamps = {int(event["position"]): event["recordedtime"] for event in log.events}
    early = [instant for instant in instants if instant.position <= ends[0]]
    report.check("some instants are before the first backup, some after", early and len(early) < len(instants), len(early))
    second = [instant for instant in instants if instant.position <= ends[1]]
    own = ["--from", place, "--store", store.dir]
    for title, covered, arguments in (
            ("from live", instants, ["--from", "LIVE"]),
            ("from the first backup", early, own + ["--backup", "1", "--older-registers"]),
            ("from the second backup", second, own)):
        target = dice.choice(covered)
        at = dice.choice([["--position", str(target.position)], ["--at", stamps[target.position]],
                          ["--at", before(stamps.get(target.position + 1)) or stamps[target.position]]])
        made = branched(report, store.top, title, arguments + at, context=admin if "LIVE" in arguments else None)
        if made is None:
            continue
        with made:
            made.start()
            same(report, f"a branch {title}", made.client(timeout=30), covered)
            stands(report, f"a branch {title}", made.client(timeout=30), target)
            if title != "from live":
                continue
            target = dice.choice(instants)
            again = branched(report, store.top, "of a branch", ["--from", made.dir, "--position", str(target.position)], replicas=3)
        if again is not None:
            with again:
                again.start()
                for replica in again.replicas:
                    same(report, f"a branch of a branch, replica {replica}", again.client(timeout=30, replica=replica), instants)
                stands(report, "a branch of a branch", again.client(timeout=30), target)

    # Back to instants, and back from there.
    chosen = dice.sample(instants, min(len(instants), max(8, min(100, INSTANTS // 4))))
    broken = []
    for number, instant in enumerate(chosen):
        client = store.client(timeout=30, replica=store.replicas[number % 3])
        questions = [question for question, _ in instant.answers if not is_history(question)]
        settled(store)
        stood = [ask(client, question) for question in questions]
        # Nobody writes; and what is not there (404) does not say where that was seen.
        at = position_now(client)
        if rewind(report, store, admin, instant.position) is None:
            broken.append(instant.position)
            continue
        stands(report, f"after a rewind to {instant.position}", client, instant)
        if rewind(report, store, admin, at) is None:
            broken.append(at)
            continue
        wrong = [(question, before[0]) for question, before in zip(questions, stood) if content(ask(client, question)) != content(before)]
        report.check(f"after a rewind of the rewind to {instant.position}: as before both", not wrong, wrong[:3])
    report.check(f"{len(chosen)} rewinds and as many back are made", not broken, broken[:3])
    for replica in store.replicas:
        same(report, f"replica {replica}, after {2 * len(chosen)} more rewinds", store.client(timeout=30, replica=replica), instants)


# ── killed


class Order(threading.Thread):
    """An order on its way to a replica that may die of something else meanwhile."""

    def __init__(self, store, replica, position, applies=True):
        super().__init__(daemon=True)
        self.client = store.client("admin", timeout=15, replica=replica)
        self.body = json.dumps({"asof": str(position), "apply": applies}).encode()
        self.answer = (0, {}, b"")

    def run(self):
        try:
            self.answer = self.client.request("POST", "/v1/restores", self.body, {"Content-Type": "application/json"})
        except (OSError, http.client.HTTPException):
            pass


def rewinds_killed(report, store, instants, clerk):
    """kill -9 of the primary while it rewinds: the rewind happened once, or not at all."""
    dice = random.Random(SEED + 2)
    happened = lost = 0
    # How long one takes here, but for its end.
    status = settled(store)
    if not report.check("the replicas settle before all rewinds", status is not None, store.status()):
        return
    trial = Order(store, status["primary"], dice.choice(instants).position, applies=False)
    begun = time.monotonic()
    trial.run()
    whole = time.monotonic() - begun
    for number in range(KILLS):
        status = settled(store)
        if not report.check("the replicas settle before a rewind", status is not None, store.status()):
            return
        client = store.client(timeout=30, replica=status["primary"])
        after = status["position"]
        known = len([1 for event in client.events() if event["type"] == "chartlog.rewound"]) if number == 0 else known_after
        order = Order(store, status["primary"], dice.choice(instants).position)
        order.start()
        time.sleep(dice.choice([0, 0.002, 0.01, dice.uniform(0, whole), dice.uniform(whole, 4 * whole + 0.3)]))
        store.kill9(status["primary"])
        order.join(30)
        report.check("the replicas settle after it", settled(store) is not None, store.status())
        answered = order.answer[0]
        report.check("the answer is done, unknown or surely not", answered in (0, 200, 503, 504), order.answer)
        new = [event for event in store.client(timeout=60, replica=store.replicas[number % 3]).events(after)
               if event["type"] == "chartlog.rewound"]
        report.check("the rewind happened once or not at all", len(new) <= 1, new)
        if answered == 200:
            report.check("what was answered as done is done", len(new) == 1
                         and int(new[0]["position"]) == json.loads(order.answer[2])["rewoundby"], (new, order.answer))
        if answered == 503:
            report.check("what was answered as not done is not", not new, (new, order.answer))
        known_after = known + len(new)
        happened, lost = happened + len(new), lost + (not new)
        # Appends are not closed for ever by what became of it.
        count = len(clerk.acknowledged)
        deadline = time.monotonic() + 20
        while len(clerk.acknowledged) < count + 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        report.check("appends go on after it", len(clerk.acknowledged) >= count + 3, (store.status(), clerk.wrong))
    print(f"  {KILLS} primaries killed as they rewound: {happened} rewinds happened, {lost} did not; one takes {whole:.2f} s", flush=True)


def serves(store, replica, patience=20):
    """Waits until a replica that may have been killed a moment ago answers by itself; whether it did."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if store.client(timeout=5, replica=replica).request("GET", "/readyz")[0] == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    return False


def backups_killed(report, store, admin, place):
    """kill -9 of who makes a backup, again and again: what is there is whole, and the next run goes on."""
    dice = random.Random(SEED + 3)
    known, interrupted = {}, 0
    for number in range(KILLS):
        status = settled(store)
        if not report.check("the replicas settle before a backup", status is not None, store.status()):
            return
        maker = dice.choice(store.replicas)
        report.check("who is to make one answers again", serves(store, maker))
        making = subprocess.Popen(
            [binary("chartlog"), "backup", "create", "--to", place, "--replica", str(maker), "--context", admin],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(dice.uniform(0.1, 3.0))
        isDone = making.poll() is not None
        store.kill9(maker)
        out, err = making.communicate(timeout=60)
        interrupted += making.returncode != 0
        report.check("a backup whose maker is killed is unknown, or was done", making.returncode in ((0,) if isDone else (0, 3, 4)),
                     (making.returncode, out, err))
        if os.path.exists(os.path.join(place, "chartlog-backup")):
            found = run("backup", "verify", place, "--all")
            report.check("what is there verifies, or there is none yet", found.returncode == 0 or b"There is no backup" in found.stderr, said(found))
        now = objects(place) if os.path.exists(place) else {}
        changed = [name for name, inode in known.items() if now.get(name) != inode]
        report.check("nothing that was there is written again", not changed, changed[:3])
        known = {name: inode for name, inode in now.items() if name.startswith(("segments/", "manifests/")) and not name.endswith(".new")}
    settled(store)
    begun = time.monotonic()
    held(report, "run again, it goes on", run("backup", "create", "--to", place, "--context", admin))
    report.check("nothing half is left", not [name for name in objects(place) if name.endswith(".new")], list(objects(place)))
    found = run("backup", "verify", place, "--all", "--store", store.dir, "--json")
    report.check("and everything verifies, with keys", found.returncode == 0 and json.loads(found.stdout)["folded"], said(found))
    print(f"  {KILLS} makers of backups killed, {interrupted} backups interrupted, the last took {time.monotonic() - begun:.1f} s", flush=True)


def crashed(report, store, clerk):
    """A branch of one replica as a crash left it in the middle of a load: what is in it is what stood up to its end."""
    dice = random.Random(SEED + 5)
    lengths = []
    for number in range(max(2, KILLS // 2)):
        count = len(clerk.acknowledged)
        deadline = time.monotonic() + 20
        while len(clerk.acknowledged) < count + 20 and time.monotonic() < deadline:
            time.sleep(dice.uniform(0, 0.05))
        replica = dice.choice(store.replicas)
        image = os.path.join(store.top, f"crashed-{number}")
        os.mkdir(image)
        shutil.copy(os.path.join(store.dir, "root.key"), image)
        # All of it at one moment, as kill -9 leaves it.
        for one in store.replicas:
            store.signal(one, signal.SIGSTOP)
        try:
            shutil.copytree(os.path.join(store.dir, f"replica-{replica}"), os.path.join(image, f"replica-{replica}"))
        finally:
            for one in store.replicas:
                store.signal(one, signal.SIGCONT)
        made = branched(report, store.top, f"of a crashed replica {number}", ["--from", f"{image}/replica-{replica}"])
        if made is None:
            continue
        with made:
            made.start()
            theirs = made.client(timeout=60).events()
        report.check("the replicas settle after a pause of all", settled(store) is not None, store.status())
        ours = store.client(timeout=60).events()
        lengths.append(len(theirs))
        common = next((at for at, (one, other) in enumerate(zip(theirs, ours)) if one != other), min(len(theirs), len(ours)))
        # What only this replica had may have been decided against; nothing else differs.
        report.check(f"a branch of a crashed replica has what stood up to its end, {common} events", len(theirs) - common <= 64
                     and common > 0 and len(theirs) > 0, (len(theirs), common, len(ours)))
        held(report, "and verifies", run("verify", made.dir))
        shutil.rmtree(image)
        shutil.rmtree(made.dir)
    print(f"  {len(lengths)} branches of crashed replicas, of {min(lengths, default=0)} to {max(lengths, default=0)} events", flush=True)


def branches_killed(report, top, sources):
    """kill -9 of `restore branch`: its final name is whole or not there, and the same command goes on."""
    dice = random.Random(SEED + 4)
    finished = 0

    def words(arguments, into, base, instant):
        return ["restore", "branch", *arguments, "--into", into, "--base-port", str(base), "--replicas", "3", "--position",
                str(instant.position)]

    # How long one takes from each.
    times = {}
    for title, arguments, covered, context in sources:
        into = os.path.join(top, "timed")
        begun = time.monotonic()
        held(report, f"branch {title}, timed", run(*words(arguments, into, free_port(), dice.choice(covered)), context=context))
        times[title] = time.monotonic() - begun
        shutil.rmtree(into, ignore_errors=True)
    for number in range(KILLS):
        title, arguments, covered, context = dice.choice(sources)
        into, base, seconds = os.path.join(top, f"killed-{number}"), free_port(), times[title]

        def command(instant):
            return words(arguments, into, base, instant)

        target = dice.choice(covered)
        for turn in range(dice.choice([1, 1, 2, 3])):
            environment = dict(os.environ, CHARTLOG_CONTEXT=context) if context else os.environ
            making = subprocess.Popen([binary("chartlog"), *command(target)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(dice.uniform(0, seconds * 1.25))
            making.kill()
            making.communicate()
            if making.returncode == 0 or os.path.exists(into):
                break
            # Whoever runs it again may have thought better of when.
            target = dice.choice([target, dice.choice(covered)])
        if os.path.exists(into):
            finished += 1
            held(report, f"branch {number} {title}: a store under its name is whole", run("verify", into))
            held(report, f"branch {number} {title}: run again it is refused", run(*command(target), context=context), 1, "exists already")
        else:
            held(report, f"branch {number} {title}: run again it is done", run(*command(target), context=context))
            held(report, f"branch {number} {title}: and whole", run("verify", into))
        report.check(f"branch {number} {title}: nothing unfinished is left", not os.path.exists(into + ".partial"))
        if number % 2 == 0 and os.path.exists(into):
            with Branch(into, base) as made:
                made.start()
                stands(report, f"branch {number} {title}", made.client(timeout=30), target)
                same(report, f"branch {number} {title}", made.client(timeout=30), covered[:: max(1, len(covered) // 10)])
        shutil.rmtree(into, ignore_errors=True)
    print(f"  {KILLS} branches killed, {finished} of them after they were done; one takes {', '.join(f'{took:.2f}' for took in times.values())} s", flush=True)


# ── full


def size(path):
    return sum(os.stat(os.path.join(folder, name)).st_blocks * 512 for folder, _, names in os.walk(path) for name in names)


def small_disk(place, bytes, again=False):
    """A file system of so many bytes at a directory, or the same made larger or smaller; whether that could be."""
    options = f"size={bytes // 1024}k,mode=700"
    words = ["-o", f"remount,{options}"] if again else ["-t", "tmpfs", "-o", options, "none"]
    return os.geteuid() == 0 and subprocess.run(["mount", *words, place], capture_output=True).returncode == 0


def full(report, store, admin, place, instants, ends):
    """A disk that is full: a clear error; when there is room, the same command goes on."""
    small = os.path.join(store.top, "small")
    os.mkdir(small)
    room = size(place)

    if not small_disk(small, room // 2):
        return report.skip("full disks", "only root can mount a small one")
    try:
        there = os.path.join(small, "backups")
        done = run("backup", "create", "--to", there, "--context", admin)
        held(report, "a backup to a full disk is refused", done, 1, "full")
        held(report, "and says to make room", done, 1, "Make room")
        rows = [json.loads(row) for row in run("backup", "status", "--json", "--context", admin).stdout.splitlines()]
        report.check("status says so", any("full" in (job["problem"] or "") for row in rows for job in row["backups"]), rows)
        found = run("backup", "verify", there, "--all")
        report.check("there is no half backup", found.returncode == 1 and b"There is no backup" in found.stderr, said(found))
        report.check("the store goes on", settled(store) is not None, store.status())
        small_disk(small, 8 * room, again=True)
        held(report, "with room it goes on", run("backup", "create", "--to", there, "--context", admin))
        held(report, "and verifies", run("backup", "verify", there, "--all", "--store", store.dir))
        shutil.rmtree(there)
        covered = [instant for instant in instants if instant.position <= ends[1]]
        into, base = os.path.join(small, "branch"), free_port()
        command = ["restore", "branch", "--from", place, "--store", store.dir, "--into", into, "--base-port", str(base), "--position",
                   str(covered[-1].position)]
        for share in (0.3, 1.1, 2.5):
            small_disk(small, max(65536, int(room * share)), again=True)
            done = run(*command)
            if done.returncode == 0:
                break
            held(report, f"a branch on a disk of {share} times the backup is refused", done, 1, "room")
            report.check("and makes no store", not os.path.exists(into), os.listdir(small))
        if not os.path.exists(into):
            small_disk(small, 1 << 30, again=True)
            held(report, "with room the branch goes on", run(*command))
        held(report, "and verifies", run("verify", into))
        small_disk(small, 1 << 30, again=True)
        with Branch(into, base) as made:
            made.start()
            stands(report, "a branch made on a disk that was full", made.client(timeout=30), covered[-1])
    finally:
        subprocess.run(["umount", "-l", small], capture_output=True)


def stranger(id):
    return {"specversion": "1.0", "id": id, "source": "/many", "type": "patient.registered", "subject": f"patient/{id}",
            "datacontenttype": "application/fhir+json",
            "data": {"resourceType": "Patient", "id": id, "name": [{"family": "Many"}]}}


def rewinds_full(report):
    """A rewind whose disk fills: refused before it is written, or its replica ends; it is never there by half, what was
    acknowledged stands, and with room it is done."""
    with Store() as store:
        admin, data = os.path.join(store.dir, "admin.context"), os.path.join(store.dir, "replica-1", "data")
        kept = data + ".kept"
        store.configure(headRoomEvents=2 << 20, headRoomRecords=1 << 20, headRoomControl=1 << 18, segmentFrames=512)
        os.rename(data, kept)
        os.mkdir(data, 0o700)

        if not small_disk(data, 256 << 20):
            return report.skip("rewinds on a full disk", "only root can mount a small one")
        try:
            shutil.copytree(kept, data, dirs_exist_ok=True)
            store.start()
            client = store.client(timeout=30)
            clinic = [separate(event, "full") for event in generated(301, 120, 3000)]
            ends = []
            for at in range(0, len(clinic), 100):
                status, _, body = client.append(clinic[at:at + 100])
                report.check("a batch is taken", status in (200, 201), (status, body[:200]))
                ends.append(json.loads(client.get("/v1/cluster")[2])["position"])
            middle, last = int(ends[len(ends) // 2]), int(ends[-1])
            subjects = sorted({event["subject"] for event in clinic})[::7]
            then = [(question, ask(client, question, asof=middle)) for question in about(subjects, histories=False)]
            now = [(question, ask(client, question)) for question in about(subjects, histories=False)]
            before = client.events()

            def unchanged(title):
                again = store.client(timeout=30)
                report.check(f"{title}: what stood stands", all(content(ask(again, question)) == content(answer)
                                                               for question, answer in now))
                report.check(f"{title}: the log has what it had", again.events() == before)

            def filled(free):
                """Leaves so much room."""
                return small_disk(data, shutil.disk_usage(data).used + free, again=True)

            report.check("the disk is filled", filled(1536 << 10))
            time.sleep(2.5)
            done = run("restore", "rewind", "--position", str(middle), "--yes", context=admin)
            held(report, "a rewind on a disk without room for events is refused", done, 1, "disk")
            unchanged("after the refusal")
            # Without room kept for events it is begun, and finds none for an entry larger than what is filled ahead.
            store.stop()
            store.configure(headRoomEvents=0, headRoomRecords=0, headRoomControl=0)
            report.check("there is room again", small_disk(data, 256 << 20, again=True))
            store.start()
            client = store.client(timeout=60)
            for first in range(0, 120_000, 500):
                status, _, body = client.append([stranger(f"many-{number}") for number in range(first, first + 500)])
                if status not in (200, 201):
                    return report.check("a batch is taken", False, (status, body[:200]))
            before = client.events()
            report.check("the disk is filled", filled(128 << 10))
            done = run("restore", "rewind", "--position", str(middle), "--yes", "--json", context=admin)
            report.check("a rewind that finds no room is not said to be done", done.returncode != 0, said(done))
            report.check("there is room again", small_disk(data, 256 << 20, again=True))
            report.check("the store serves again", settled(store) is not None, store.status())
            found = [event for event in store.client(timeout=30).events(last) if event["type"] == "chartlog.rewound"]
            if not found:
                unchanged("after a rewind that found no room")
            if not found:
                held(report, "with room it is done", run("restore", "rewind", "--position", str(middle), "--yes", context=admin))
            client = store.client(timeout=30)
            report.check("there is one rewind", len([event for event in client.events(last)
                                                     if event["type"] == "chartlog.rewound"]) == 1)
            report.check("what stands is what stood then", all(content(ask(client, question)) == content(answer)
                                                              for question, answer in then))
            print(f"  a rewind on a disk that fills was {'done' if found else 'not done, and is with room'}", flush=True)
            store.stop()
            held(report, "and the log is whole", run("verify", store.dir))
        finally:
            store.stop()
            subprocess.run(["umount", "-l", data], capture_output=True)


def main():
    report = Report("restores")
    rewinds_full(report)
    with Store(replicas=3) as store:
        admin = os.path.join(store.dir, "admin.context")
        place = os.path.join(store.top, "backups")
        store.configure(segmentFrames=512, snapshotEvery=2000)
        store.start()
        settled(store)
        clerks, instants, ends = recording(report, store, admin, place)
        settled(store)
        if instants and len(ends) == 2 and all(ends):
            log = judged(report, store, clerks, instants)
            going_back(report, store, admin, place, instants, ends, log)
            check_digests(report, store)
            judged(report, store, clerks, instants)

            # Slowly, so that there is a middle to be killed in.
            store.stop()
            total = size(place)
            store.settings(backup={"to": [os.path.join(store.top, "never")], "bytesPerSecond": max(65536, total // 3)})
            store.start()
            clerk = Clerk(store, 9, generated(209, 12, 1500), pause=0.01)
            clerk.start()
            backups_killed(report, store, admin, os.path.join(store.top, "interrupted"))
            rewinds_killed(report, store, instants, clerk)
            crashed(report, store, clerk)
            clerk.stopping = True
            clerk.join(30)
            report.check("the clerk is refused for rewinds alone", not clerk.wrong, clerk.wrong)
            settled(store)
            check_digests(report, store)
            judged(report, store, [*clerks, clerk], instants)
            store.stop()
            store.settings(backup=None)
            store.start()
            settled(store)
            full(report, store, admin, place, instants, ends)
            covered = [instant for instant in instants if instant.position <= ends[1]]
            sources = [("from a backup", ["--from", place, "--store", store.dir], covered, None),
                       ("from live", ["--from", "LIVE"], instants, admin)]
            branches_killed(report, store.top, sources)
            store.stop()
            sources = [("from a replica", ["--from", f"{store.dir}/replica-2"], instants, None)]
            branches_killed(report, store.top, sources)
            verified = store.command("verify", store.dir)
            report.check("every replica's log is whole", verified.returncode == 0, verified.stdout[-500:])
    report.end()


main()
