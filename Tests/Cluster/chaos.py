"""Three replicas under concurrent writers while links are cut, muted and slowed, disks are wiped or full, and replicas
are restarted one after the other. What holds after failover.py must hold here.

CHARTLOG_CHAOS says how many strikes (11), CHARTLOG_SEED which, CHARTLOG_CHAOS_KINDS which kinds alone (with commas)."""

import os
import random
import shutil
import signal
import time

from harness import Report, Store, generated
from linear import Rival, check_linear
from history import Reader, Writer, check_history, check_sameness, gap, quantile, settled
from proxy import Network

STRIKES = int(os.environ.get("CHARTLOG_CHAOS", "11"))
SEED = int(os.environ.get("CHARTLOG_SEED", "1"))


class Chaos:
    """One store, its network, and what can happen to them. A strike returns once its cause is there; `mend` ends it."""

    def __init__(self, store, network, report, dice):
        self.store, self.network, self.report, self.dice = store, network, report, dice
        self.later = []

    def others(self, primary):
        return [replica for replica in self.store.replicas if replica != primary]

    # ── links

    def cut_off_primary(self, primary):
        """Nobody reaches the primary any more."""
        for other in self.others(primary):
            self.network.cut(primary, other)

    def mute_primary(self, primary):
        """The primary hears and is not heard."""
        for other in self.others(primary):
            self.network.mute(primary, other)

    def deafen_primary(self, primary):
        """The primary is heard and hears nothing."""
        for other in self.others(primary):
            self.network.mute(other, primary)

    def cut_one_link(self, primary):
        """The primary loses one of its secondaries, which still hears the other."""
        self.network.cut(primary, self.dice.choice(self.others(primary)))

    def cut_secondaries_apart(self, primary):
        self.network.cut(*self.others(primary))

    def slow_secondary(self, primary):
        other = self.dice.choice(self.others(primary))
        self.network.slow(primary, other, 0.03, 400_000)
        self.network.slow(other, primary, 0.03)

    # ── disks

    def wipe_secondary(self, primary):
        """A secondary comes back with the empty disk it was made with, under its old id: it counts for nothing."""
        self.wipe(self.dice.choice(self.others(primary)))

    def wipe_primary(self, primary):
        self.wipe(primary)

    def wipe(self, replica):
        folder = os.path.join(self.store.dir, f"replica-{replica}")
        kept = os.path.join(self.store.top, f"kept-{replica}")
        os.rename(os.path.join(folder, "data"), kept)
        shutil.copytree(os.path.join(self.store.top, "fresh", f"replica-{replica}"), os.path.join(folder, "data"))
        self.store.kill9(replica)

        def check():
            said = {member["id"]: member for member in (self.store.status() or {"replicas": []})["replicas"]}
            state = said.get(replica, {}).get("state")
            self.report.check("a wiped disk under its old id is not taken for a copy", state not in ("ready", None), said.get(replica))

        def back():
            # The disk that was taken away is put back: what it holds is as true as ever.
            shutil.rmtree(os.path.join(folder, "data"))
            os.rename(kept, os.path.join(folder, "data"))
            self.store.kill9(replica)

        self.later += [check, back]

    def fill_secondary(self, primary):
        """A secondary's disk is full: it stores nothing, and the other two go on."""
        self.fill(self.dice.choice(self.others(primary)))

    def fill_primary(self, primary):
        """The primary starts again with a full disk: it does not lead."""
        self.fill(primary)

    def fill(self, replica):
        self.store.configure(replica, headRoomEvents=1 << 50, headRoomRecords=1 << 50)
        self.store.kill9(replica)

        def empty():
            self.store.configure(replica, headRoomEvents=64 << 20, headRoomRecords=40 << 20)
            self.store.kill9(replica)

        self.later.append(empty)

    # ── processes

    def restart_one_by_one(self, primary):
        """What an operator does to bring in a new version: the primary last."""
        for replica in self.others(primary) + [primary]:
            before = self.store.pid(replica)
            self.store.signal(replica, signal.SIGTERM)
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline:
                try:
                    if self.store.pid(replica) != before:
                        break
                except (OSError, ValueError):
                    pass
                time.sleep(0.01)
            self.report.check("the replicas settle within a rolling restart", settled(self.store) is not None, self.store.status())

    def mend(self):
        for work in self.later:
            work()
        self.later = []
        self.network.heal()


KINDS = [name for name, value in vars(Chaos).items()
         if callable(value) and not name.startswith("_") and name not in ("others", "wipe", "fill", "mend")]
PRIMARY_LOST = {"cut_off_primary", "mute_primary", "deafen_primary"}


def main():
    report = Report("chaos")
    dice = random.Random(SEED)
    kinds = [kind for kind in os.environ.get("CHARTLOG_CHAOS_KINDS", "").split(",") if kind] or KINDS
    gaps = {kind: [] for kind in kinds}
    with Store(replicas=3) as store:
        store.configure(segmentFrames=512, snapshotEvery=5000)
        network = Network(store)
        for replica in store.replicas:
            shutil.copytree(
                os.path.join(store.dir, f"replica-{replica}", "data"), os.path.join(store.top, "fresh", f"replica-{replica}"))
        store.start()
        chaos = Chaos(store, network, report, dice)
        writers = [Writer(store, number, generated(100 + number, 40, 20000), store.replicas, timeout=2.5, pause=0.005)
                   for number in range(6)]
        readers = [Reader(store, number, writers) for number in range(2)]
        rivals = [Rival(store, number) for number in range(2)]
        threads = writers + readers + rivals
        for thread in threads:
            thread.start()
        time.sleep(1)
        strikes, unsettled, starved = [], [], []
        for number in range(STRIKES):
            # Every kind once before any comes again.
            if number % len(kinds) == 0:
                round_of = dice.sample(kinds, len(kinds))
            kind = round_of[number % len(kinds)]
            status = settled(store)
            if status is None:
                unsettled.append((number, kind, store.status()))
                break
            at = time.monotonic()
            getattr(chaos, kind)(status["primary"])
            while not any(writer.times and writer.times[-1] > at + 0.1 for writer in writers):
                if time.monotonic() - at > 30 or any(writer.wrong for writer in writers):
                    starved.append((number, kind, store.status()))
                    break
                time.sleep(0.002)
            time.sleep(max(0.0, at + dice.uniform(2, 3.5) - time.monotonic()))
            until = time.monotonic()
            chaos.mend()
            strikes.append((kind, at, until))
            if starved:
                break
        for kind, at, until in strikes:
            gaps[kind].append(gap(writers, at, until))
        report.check("the replicas settle before every strike", not unsettled, unsettled)
        report.check("appends go on after every strike", not starved, starved)
        settled(store)
        for thread in threads:
            thread.stopping = True
        for thread in threads:
            thread.join(30)
        for writer in writers:
            report.check(f"writer {writer.number} is never refused", not writer.wrong, writer.wrong)
        for rival in rivals:
            report.check("rivals are refused for what they expect alone", not rival.wrong, rival.wrong)
        report.check("rivals met each other", any(rival.conflicts for rival in rivals))
        for reader in readers:
            report.check("no read is older than what was acknowledged before it", not reader.stale, reader.stale[:3])
            report.check("reads are answered or put off", not reader.wrong, reader.wrong[:3])
        events, compared = check_history(report, writers + rivals, store.client(timeout=60))
        operations = check_linear(report, threads, events)
        shared = check_sameness(report, store, events)
        network.close()
        print(f"  {len(strikes)} strikes, {sum(len(writer.acknowledged) for writer in writers + rivals)} events acknowledged, "
              f"{len(events)} present, {sum(writer.unknown for writer in writers + rivals)} unknown outcomes resolved, "
              f"{sum(reader.reads for reader in readers)} reads, {sum(rival.conflicts for rival in rivals)} conflicts, {operations} operations in one order, {compared} resources compared, "
              f"{shared} closed segments compared")
        lost = sorted(value for kind in PRIMARY_LOST for value in gaps.get(kind, []))
        for kind, values in gaps.items():
            if values:
                values.sort()
                print(f"  {kind.replace('_', ' ')}: {len(values)} times, gap p50 {quantile(values, 0.5):.0f} ms, "
                      f"p99 {quantile(values, 0.99):.0f} ms, longest {values[-1]:.0f} ms")
        if len(lost) >= 50:
            report.check("primary cut off: p99 at most 2 s", quantile(lost, 0.99) <= 2000, quantile(lost, 0.99))
        elif lost:
            report.check("primary cut off: half of the gaps within 3 s", quantile(lost, 0.5) <= 3000, lost)
    report.end()


main()
