"""The tool is killed without warning, at moments that nothing chose: 200 in `make soak`, a slice in CI.

Kills inside a cutover are in test_cutover.py."""

import random

import reader
import tool
from faults import SOAK, still_for
from fill import fill
from workload import Workload

KILLS = 200 if SOAK else 12


def following(migration):
    """The process of now, and not what the one before left in the journal."""
    migration.wait_status(lambda s: s["running"] and s["phase"] == "in-sync", "in sync", 120)


def test_kills_at_random_moments_of_one_run_up_to_the_cutover(pair, migration):
    """By the clock and not by what was done: starts, snapshot, stream and takeovers are all hit. The
    last moves the writer, and what it was promised is looked for on the target."""
    rng = random.Random(KILLS)
    fill(pair.source, 100 * KILLS, expiring_ms=(2000, 600_000))
    with Workload(pair.source, then=pair.target, seed=91, rate=3000) as writer:
        for n in range(KILLS):
            migration.start("--switch-hook", writer.hook())
            # Every fifth lives long enough to follow, so that the next one takes over in the stream.
            if n % 5 == 4:
                following(migration)
            still_for(rng.uniform(0, 1.5) ** 2)
            migration.kill()
        migration.start("--switch-hook", writer.hook())
        following(migration)
        done = migration.command("cutover", "--skip-verify")
        assert done.returncode == tool.DONE, done.stderr
        writer.wait_moved()
        writer.wait_writes(500)
        report = writer.stop()
        assert report["wrong"] == []
        assert writer.check(pair.target) == []
        found = reader.compare(pair.source, pair.target, ignore=b"w:")
        assert found == [], reader.show(found)
        print(f"{KILLS} kills, {report['writes']:,} acknowledged writes, none lost, none twice")

