"""The move from beginning to in sync: what arrives, what it costs, what stays untouched."""


import pytest

import reader
import tool
from fill import Feed, fill
from servers import peak_rss_bytes
from workload import Workload

WRITER_KEYS = b"w:"


def test_a_filled_source_arrives_whole_while_it_is_written_to(pair, migration):
    fill(pair.source, 40_000, expiring_ms=(500, 30_000))
    with Workload(pair.source, then=pair.target, seed=1) as writer:
        migration.start()
        migration.wait_phase("in-sync")
        writer.wait_writes(5000)
        report = writer.stop()
        migration.wait_caught_up()
        assert report["wrong"] == []
        found = reader.compare(pair.source, pair.target, held_allowed=True)
        assert found == [], reader.show(found)
        assert writer.check(pair.source) == []  # and the target equals it, expiries held


def test_memory_stays_under_64_mib(pair, migration):
    fill(pair.source, 200_000)
    with pair.source.client() as c:
        for n in range(0, 300_000, 1000):
            c.hset("one large hash", mapping={f"field:{i}": "x" * 40 for i in range(n, n + 1000)})
        c.set("one large string", b"\0abc" * (10 << 20))
    migration.start()
    migration.wait_caught_up(deadline_s=120)
    if "asan" not in str(tool.BIN):
        assert peak_rss_bytes(migration.process.pid) <= 64 << 20
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


def test_a_snapshot_that_the_source_wrote_to_its_disk_first_arrives_too(pair, migration):
    pair.source.client().config_set("repl-diskless-sync", "no")
    fill(pair.source, 20_000)
    with Workload(pair.source, then=pair.target, seed=3) as writer:
        migration.start()
        migration.wait_phase("in-sync")
        writer.wait_writes(2000)
        writer.stop()
        migration.wait_caught_up()
    assert migration.status()["snapshot"]["bytes_total"] > 0
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


def test_an_empty_source_is_in_sync_at_once_and_followed(pair, migration):
    migration.start()
    migration.wait_phase("in-sync")
    with pair.source.client() as c:
        c.set("first", "1")
        c.set("second", "2", px=3_600_000)
    migration.wait_caught_up()
    assert reader.compare(pair.source, pair.target, held_allowed=True) == []


def test_functions_and_scripts_loaded_later_arrive_too(pair, migration):
    migration.start()
    migration.wait_phase("in-sync")
    fill(pair.source, 2000)
    migration.wait_caught_up()
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


def test_a_password_on_the_command_line_is_refused(pair, migration):
    done = tool.handover("migrate", "run", "--source", pair.source.url_with_password, "--target", pair.target.url,
                         "--workdir", migration.workdir)
    assert done.returncode == tool.USAGE
    assert "HANDOVER_SOURCE_PASSWORD" in done.stderr and pair.source.password not in done.stdout + done.stderr


def test_urls_with_passwords_may_stand_in_a_configuration_file(pair, migration):
    config = migration.directory / "move.yaml"
    config.write_text(f"source: {pair.source.url_with_password}\ntarget: {pair.target.url_with_password}\n")
    config.chmod(0o600)
    done = tool.handover("migrate", "run", "--config", config, "--workdir", migration.workdir, "--dry-run")
    assert done.returncode == tool.DONE, done.stdout + done.stderr
    assert pair.source.password not in done.stdout + done.stderr


def test_a_dry_run_changes_nothing_on_either_side(pair, migration):
    fill(pair.source, 1000)
    before = [s.client().config_get("*") for s in (pair.source, pair.target)]
    offset = pair.source.offset()
    done = migration.dry_run()
    assert done.returncode == tool.DONE, done.stdout + done.stderr
    assert [s.client().config_get("*") for s in (pair.source, pair.target)] == before
    assert pair.target.client().dbsize() == 0
    assert pair.source.offset() == offset
    assert "no run has come further" in migration.command("status").stdout
    migration.source, migration.target = pair.target, pair.source
    assert "this work directory moves" not in migration.dry_run().stderr


def test_a_paused_move_writes_nothing_and_goes_on_after_resume(pair, migration):
    migration.start()
    migration.wait_phase("in-sync")
    assert migration.command("pause").returncode == tool.DONE
    migration.wait_phase("paused")
    with pair.source.client() as s, pair.target.client() as t:
        s.set("while paused", "1")
        offset = pair.source.offset()
        migration.wait_status(lambda st: st["stream"]["received_offset"] >= offset, "the stream read while paused")
        assert t.get("while paused") is None
        assert migration.command("resume").returncode == tool.DONE
        migration.wait_caught_up()
        assert t.get("while paused") == b"1"


def test_abort_leaves_the_source_as_it_was(pair, migration):
    fill(pair.source, 1000)
    volatile = {"client-query-buffer-limit"}
    before = {k: v for k, v in pair.source.client().config_get("*").items() if k not in volatile}
    migration.start()
    migration.wait_caught_up()
    done = migration.command("abort")
    assert done.returncode == tool.DONE, done.stdout + done.stderr
    migration.wait_exit()
    assert migration.phase() == "aborted"
    assert {k: v for k, v in pair.source.client().config_get("*").items() if k not in volatile} == before
    assert pair.source.info("replication")["connected_slaves"] == 0
    assert pair.source.client().set("still", "writable")


def test_flushall_on_the_source_stops_the_move_by_default(pair, migration):
    fill(pair.source, 1000)
    migration.start()
    migration.wait_caught_up()
    keys = pair.target.client().dbsize()
    pair.source.client().flushall()
    migration.wait_exit()
    assert migration.process.returncode != tool.DONE and "FLUSHALL" in migration.log().upper()
    assert pair.target.client().dbsize() >= keys - 5


@pytest.mark.parametrize("arguments, words", [
    (("migrate", "run"), "--workdir"), (("migrate", "rum"), "migrate run"), (("migrate", "status"), "--workdir"),
    (("verify", "--sauce", "x"), "--sauce"),
])
def test_a_wrong_command_line_is_exit_code_2_with_advice(arguments, words):
    done = tool.handover(*arguments)
    assert done.returncode == tool.USAGE and words.lstrip("-") in done.stderr


def test_a_spool_smaller_than_the_snapshot_is_freed_while_that_is_copied(pair, migration):
    with Feed(pair.source) as feed:
        for n in range(100_000):
            feed.send("SET", f"big:{n}", b"%d" % n * 80)
    migration.start("--spool-max", "16M")
    migration.wait_caught_up(deadline_s=60)
    found = reader.compare(pair.source, pair.target, held_allowed=True)
    assert found == [], reader.show(found)


def test_a_target_without_mset_gets_its_strings_one_by_one(server, pair):
    target = server("valkey-8.0", options={"rename-command": 'MSET ""'})
    fill(pair.source, 2000)
    with tool.Migration(pair.source, target) as move:
        move.start()
        move.wait_caught_up()
        assert "strings go one by one" in move.log()
        assert move.status()["link"]["target_reconnects"] == 1
        found = reader.compare(pair.source, target, held_allowed=True)
        assert found == [], reader.show(found)
