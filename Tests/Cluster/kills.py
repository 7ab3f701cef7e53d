"""kill -9 under concurrent load: every acknowledged event is present, once, in order, and the views are what an
independent fold of the log gives. CHARTLOG_KILLS says how many times (30)."""

import json
import os
import random
import time

from harness import Report, Store, generated
from history import Writer, check_history

KILLS = int(os.environ.get("CHARTLOG_KILLS", "30"))


def main():
    report = Report("kills")
    with Store() as store:
        store.start()
        writers = [Writer(store, number, generated(100 + number, 40, 20000)) for number in range(6)]
        for writer in writers:
            writer.start()
        dice = random.Random(1)
        slowest = 0.0
        starved = []
        for number in range(KILLS):
            # Five deaths in a row within a second of the start, and the supervisor waits before the next one.
            time.sleep(1.1 if number % 4 == 3 else dice.uniform(0.02, 0.25))
            before = sum(len(writer.acknowledged) for writer in writers)
            store.kill9()
            killed = time.monotonic()
            while sum(len(writer.acknowledged) for writer in writers) == before:
                if time.monotonic() - killed > 30 or any(writer.wrong for writer in writers):
                    starved.append(number)
                    break
                time.sleep(0.005)
            slowest = max(slowest, time.monotonic() - killed)
            if starved:
                break
            if number % 25 == 24:
                print(f"  {number + 1} kills, {before} acknowledged", flush=True)
        report.check("appends go on after every kill", not starved, starved)
        for writer in writers:
            writer.stopping = True
        for writer in writers:
            writer.join(30)
        for writer in writers:
            report.check(f"writer {writer.number} is never refused", not writer.wrong, writer.wrong)

        client = store.client()
        events, compared = check_history(report, writers, client)
        acknowledged = sum(len(writer.acknowledged) for writer in writers)

        digests = json.loads(client.get("/v1/cluster")[2])["replicas"][0]["digests"]
        store.stop()
        store.start()
        after = json.loads(store.client().get("/v1/cluster")[2])["replicas"][0]["digests"]
        for view in ("patient", "appointment"):
            report.check(f"the {view} digest survives a restart", digests[view] == after[view], (digests, after))
        print(f"  {KILLS} kills, {acknowledged} events acknowledged, {len(events)} present, "
              f"{compared} resources compared, longest wait for the next acknowledgement {slowest * 1000:.0f} ms")
    report.end()


main()
