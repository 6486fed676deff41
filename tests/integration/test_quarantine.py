"""Keys that need someone: listed, accepted, and copied again by value at their place in the stream."""

import json
import random
import sqlite3
import threading
import time

import reader
import tool
from fill import fill
from servers import wait_until
from workload import Workload


def quarantine(migration, *words):
    return migration.command("quarantine", *words)


def listed(migration):
    done = quarantine(migration, "list", "--json")
    assert done.returncode == tool.DONE, done.stderr
    return json.loads(done.stdout)


def set_aside(migration, db, names, kind="hash"):
    """As the link notes a key that the target refused; the tool's own way there needs a value no pair of ours refuses."""
    with sqlite3.connect(migration.workdir / "journal.db", timeout=10) as journal:
        for name in names:
            journal.execute("INSERT INTO quarantine(db, key, key_size, type, reason, stream_offset, at_ms)"
                            " VALUES(?, ?, ?, ?, 'the target answered: ERR Bad data format', 1, 1)",
                            (db, name, len(name), kind))


def spoil(pair, names, db=0):
    with pair.target.client(db=db) as c:
        for n, name in enumerate(names):
            c.delete(name)
            if n % 2:
                c.rpush(name, "another", "type")


def filled(pair, migration, count=3000):
    fill(pair.source, count)
    migration.start()
    migration.wait_caught_up()
    with pair.source.client() as c:
        return sorted(c.scan_iter(count=1000))


def assert_equal(pair, migration):
    migration.wait_caught_up()
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


def test_keys_of_every_type_are_copied_again_and_leave_the_quarantine(pair, migration):
    names = filled(pair, migration)
    chosen = names[::7]
    spoil(pair, chosen)
    with pair.source.client() as c:
        c.set("gone", 1)
    migration.wait_caught_up()
    set_aside(migration, 0, chosen)
    done = quarantine(migration, "retry")
    assert done.returncode == tool.DONE, done.stderr + migration.log()
    assert f"{len(chosen)} copied" in done.stdout
    assert listed(migration) == []
    assert_equal(pair, migration)


def test_a_key_the_source_has_no_more_is_deleted_and_other_databases_are_found(pair, migration):
    filled(pair, migration, 100)
    with pair.source.client(db=5) as c:
        c.set("kept", "v", px=3_600_000)
    migration.wait_caught_up()
    with pair.target.client(db=5) as c:
        c.delete("kept")
        c.set("left-over", 1)
    set_aside(migration, 5, [b"kept", b"left-over"])
    done = quarantine(migration, "retry")
    assert "1 copied, 1 not on the source any more, 0 refused" in done.stdout, done.stderr
    assert_equal(pair, migration)


def test_a_copy_under_writes_to_the_same_keys_loses_and_doubles_nothing(pair, migration):
    with Workload(pair.source, then=pair.target, seed=11) as writer:
        writer.wait_writes(2000)
        migration.start()
        migration.wait_phase("in-sync")
        rng = random.Random(5)
        for _ in range(15):
            with pair.source.client() as c:
                names = rng.sample(sorted(c.scan_iter(count=1000)), 20)
            set_aside(migration, 0, names)  # they are not spoiled: a copy must change nothing
            done = quarantine(migration, "retry")
            assert done.returncode == tool.DONE, done.stderr + migration.log()
            writer.wait_writes(200)
        report = writer.stop()
        assert report["wrong"] == []
        assert_equal(pair, migration)
        assert migration.status()["stream"]["diverged"] == 0
        assert listed(migration) == []


def test_a_kill_between_any_two_steps_of_a_retry_leaves_nothing_half_done(pair, migration):
    names = filled(pair, migration)
    rng = random.Random(6)
    with Workload(pair.source, then=pair.target, seed=12) as writer:
        for _ in range(12):
            chosen = rng.sample(names, 50)
            migration.wait_caught_up()
            spoil(pair, chosen)
            set_aside(migration, 0, chosen)
            asker = threading.Thread(target=quarantine, args=(migration, "retry"))
            asker.start()
            time.sleep(rng.uniform(0, 0.06))
            migration.kill()
            asker.join()
            migration.start()
            migration.wait_status(lambda s: s["running"] and s["phase"] == "in-sync", "the next run in sync")
            done = quarantine(migration, "retry")
            assert done.returncode == tool.DONE, done.stderr + migration.log()
            assert listed(migration) == []
            writer.wait_writes(100)
        report = writer.stop()
        assert report["wrong"] == []
        assert_equal(pair, migration)


def test_accepted_keys_no_longer_hinder_a_cutover(pair, migration):
    names = filled(pair, migration, 200)
    set_aside(migration, 0, names[:3])
    refused = migration.command("cutover", "--skip-verify")
    assert refused.returncode != tool.DONE and "in quarantine" in refused.stderr
    rows = listed(migration)
    assert len(rows) == 3 and not any(r["accepted"] for r in rows)
    assert quarantine(migration, "accept").returncode == tool.USAGE
    assert quarantine(migration, "accept", "999").returncode != tool.DONE
    assert quarantine(migration, "accept", rows[0]["id"]).returncode == tool.DONE
    assert quarantine(migration, "accept", "all").returncode == tool.DONE
    assert all(r["accepted"] for r in listed(migration))
    assert migration.command("cutover", "--skip-verify").returncode == tool.DONE


def test_what_cannot_be_copied_by_value_says_why_and_stays(pair, migration):
    filled(pair, migration, 100)
    set_aside(migration, 0, [b"shop"], kind="function")
    set_aside(migration, 0, [b"handover:checkpoint:" + migration.status()["link_id"].encode()], kind="string")
    done = quarantine(migration, "retry")
    assert done.returncode == tool.FINDINGS, done.stderr
    assert "2 refused" in done.stdout
    assert len(listed(migration)) == 2
    wait_until(lambda: migration.running(), 1, "the run")
    assert_equal(pair, migration)
