"""Three replicas under concurrent writers on all of them, while the primary, a secondary or everybody is killed, or the
primary is paused: nothing acknowledged is lost, doubled or moved, no read is older than what was acknowledged before it,
all replicas end up the same, byte for byte, and appends go on soon.

CHARTLOG_FAILOVERS says how many times (20), CHARTLOG_SEED which (1), CHARTLOG_FAILOVER_KINDS of which kinds alone, by commas.
The history of each 120 is judged by itself, with a store of its own: what was acknowledged has to fit into memory."""

import os
import random
import signal
import time

from harness import Report, Store, generated
from linear import Rival, check_linear
from history import Reader, Writer, check_history, check_sameness, gap, quantile, settled

FAILOVERS = int(os.environ.get("CHARTLOG_FAILOVERS", "20"))
SEED = int(os.environ.get("CHARTLOG_SEED", "1"))
# What happens, and how often of a hundred times.
KINDS = {"kill primary": 50, "kill secondary": 12, "kill all": 10, "pause primary": 28}
CHOSEN = [kind for kind in os.environ.get("CHARTLOG_FAILOVER_KINDS", "").split(",") if kind] or list(KINDS)
ROUND = 120


def strike(store, kind, dice):
    """Does what `kind` says; when, and the pid to wake again later."""
    status = settled(store)
    if status is None:
        return None, None
    primary = status["primary"]
    at = time.monotonic()
    if kind == "kill primary":
        store.kill9(primary)
    elif kind == "kill secondary":
        store.kill9(dice.choice([replica for replica in store.replicas if replica != primary]))
    elif kind == "kill all":
        for replica in store.replicas:
            store.kill9(replica)
    else:
        pid = store.pid(primary)
        os.kill(pid, signal.SIGSTOP)
        return at, pid
    return at, None


def round_of(report, dice, gaps, done, count):
    """So many strikes of one store, and its history judged."""
    with Store(replicas=3) as store:
        store.configure(segmentFrames=512, snapshotEvery=5000)
        store.start()
        writers = [Writer(store, number, generated(100 + number, 40, 20000), store.replicas, timeout=2.5, pause=0.005)
                   for number in range(6)]
        readers = [Reader(store, number, writers) for number in range(2)]
        rivals = [Rival(store, number) for number in range(2)]
        threads = writers + readers + rivals
        for thread in threads:
            thread.start()
        time.sleep(1)
        unsettled, starved = [], []
        strikes = []
        for number in range(count):
            kind = dice.choices(CHOSEN, [KINDS[kind] for kind in CHOSEN])[0]
            at, stopped = strike(store, kind, dice)
            if at is None:
                unsettled.append((number, kind, store.status()))
                break
            while not any(writer.times and writer.times[-1] > at + 0.001 for writer in writers):
                if time.monotonic() - at > 30 or any(writer.wrong for writer in writers):
                    starved.append((number, kind))
                    break
                time.sleep(0.002)
            if stopped:
                # Longer than an election takes, so that a deposed primary wakes up among others who moved on.
                time.sleep(max(0.0, at + dice.uniform(1.5, 3) - time.monotonic()))
                try:
                    os.kill(stopped, signal.SIGCONT)
                except ProcessLookupError:
                    pass
            if starved:
                break
            # Five deaths in a row within a second of the start, and the supervisor waits before the next one.
            time.sleep(dice.uniform(0.3, 1.2))
            strikes.append((kind, at, time.monotonic()))
            if number % 25 == 24:
                print(f"  {done + number + 1} of {FAILOVERS}, {sum(len(w.acknowledged) for w in writers)} acknowledged", flush=True)
        for kind, at, until in strikes:
            gaps[kind].append(gap(writers, at, until))
        report.check("the replicas settle before every strike", not unsettled, unsettled)
        report.check("appends go on after every strike", not starved, (starved, store.status()))
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

        settled(store)
        events, compared = check_history(report, writers + rivals, store.client(timeout=60))
        operations = check_linear(report, threads, events)
        shared = check_sameness(report, store, events)
        store.start()
        report.check("and all start again", settled(store) is not None, store.status())
        acknowledged = sum(len(writer.acknowledged) for writer in writers + rivals)
        print(f"  {len(strikes)} strikes, {acknowledged} events acknowledged, {len(events)} present, "
              f"{sum(writer.unknown for writer in writers + rivals)} unknown outcomes resolved, "
              f"{sum(reader.reads for reader in readers)} reads, {sum(rival.conflicts for rival in rivals)} conflicts, {operations} operations in one order, {compared} resources compared, "
              f"{shared} closed segments compared")


def main():
    report = Report("failover")
    dice = random.Random(SEED)
    gaps = {kind: [] for kind in KINDS}
    for done in range(0, FAILOVERS, ROUND):
        round_of(report, dice, gaps, done, min(ROUND, FAILOVERS - done))
        if report.failed:
            break
    for kind, values in gaps.items():
        if values:
            values.sort()
            print(f"  {kind}: {len(values)} times, gap p50 {quantile(values, 0.5):.0f} ms, "
                  f"p99 {quantile(values, 0.99):.0f} ms, longest {values[-1]:.0f} ms")
    # What is promised, where there are enough to speak of a median; the rest of the machine has its say in the p99.
    kills, pauses = gaps["kill primary"], gaps["pause primary"]
    if len(kills) >= 50:
        report.check("killed primary: p50 at most 100 ms", quantile(kills, 0.5) <= 100, quantile(kills, 0.5))
        report.check("killed primary: p99 at most 500 ms", quantile(kills, 0.99) <= 500, quantile(kills, 0.99))
    if len(pauses) >= 25:
        report.check("paused primary: p99 at most 2 s", quantile(pauses, 0.99) <= 2000, quantile(pauses, 0.99))
    if 0 < len(kills) < 50:
        report.check("killed primary: half of the gaps within 1 s", quantile(kills, 0.5) <= 1000, kills)
    report.end()


main()
