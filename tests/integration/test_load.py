"""`migrate run --source file:dump.rdb`: a snapshot is loaded, and the move ends by itself."""

import pathlib
import re
import shutil

import pytest

import reader
import tool
from fill import fill as fill_every_type
from servers import ROOT

GOLDEN = ROOT / "tests" / "golden" / "rdb"


class FileSource:
    """What tool.Migration asks of a source."""
    password = None

    def __init__(self, path):
        self.path = pathlib.Path(path)

    @property
    def url(self):
        return f"file:{self.path}"


def loading(path, target, *options):
    return tool.Migration(FileSource(path), target, options=options)


def fill(server, keys, expiring=0):
    pipe = server.client().pipeline(transaction=False)
    for i in range(keys):
        pipe.set(f"s:{i}", f"value {i} " + "x" * 80)
        if i % 10 == 0:
            pipe.rpush(f"l:{i}", *range(20))
            pipe.hset(f"h:{i}", mapping={f"f{k}": k for k in range(20)})
            pipe.zadd(f"z:{i}", {f"m{k}": k for k in range(20)})
        if i % 20_000 == 0:
            pipe.execute()
    for i in range(expiring):
        pipe.set(f"e:{i}", "soon", px=1)
        pipe.set(f"later:{i}", "later", ex=3600)
    pipe.execute()


def saved(server, tmp_path):
    """A copy of what SAVE writes."""
    server.client().save()
    return shutil.copy(server.directory / "dump.rdb", tmp_path / "dump.rdb")


@pytest.mark.parametrize("engine,target", [("redis-7.0", "valkey-8.0"), ("valkey-9.1", "redis-8.0"), ("redis-8.0", "redis-8.6"),
                                           ("redis-7.0", "valkey-9.1")])
def test_a_file_is_loaded_whole_and_the_move_ends(server, tmp_path, engine, target):
    source, target = server(engine), server(target)
    fill(source, 20_000, expiring=50)
    source.client(db=5).set("in db 5", 1)
    source.client().execute_command("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    path = saved(source, tmp_path)
    with loading(path, target) as move:
        move.start()
        assert move.wait_exit() == tool.DONE, move.log()
        assert reader.compare(source, target) == [], move.log()
        assert target.client().exists("e:0") == 0 and 0 < target.client().ttl("later:0") <= 3600
        assert move.phase() == "finished" and move.status()["verification"]["result"] == "equal"
        assert not [k for k in target.client().keys("handover:*")]
        assert re.search(r"string +\d+ +\d+", move.log()), move.log()
        assert not (move.workdir / "spool").exists()
        assert move.start().wait_exit() == tool.DONE  # again: nothing to do
        for command in ("cutover", "finish"):
            done = move.command(command)
            assert done.returncode == (tool.DONE if command == "finish" else tool.USAGE), (command, done.stderr)
        assert "there is no cutover" in move.command("cutover").stderr


@pytest.mark.parametrize("engine, by", [
    ("redis-2.8", "valkey-8.1"), ("redis-6.0", "redis-7.0"), ("redis-7.0", "redis-7.0"), ("redis-8.6", "redis-8.6"), ("valkey-8.0", "valkey-8.0"),
    ("valkey-9.1", "valkey-9.1"), ("handmade-2.4", "valkey-9.1"), ("handmade-2.8", "redis-7.0"), ("handmade-3.2", "redis-8.6")])
def test_golden_files_are_loaded_as_the_engine_itself_loads_them(server, engine, by):
    target = server(by)
    itself = server(target.engine)
    itself.stop()
    shutil.copy(GOLDEN / f"{engine}.rdb", itself.directory / "dump.rdb")
    itself.start()
    with loading(GOLDEN / f"{engine}.rdb", target, "--accept", "field-expiry", "--accept", "file-modules") as move:
        move.start()
        code = move.wait_exit()
        set_aside = move.status()["quarantine"]["keys"]
        assert code == (tool.FINDINGS if set_aside else tool.DONE), move.log()
        found = reader.compare(itself, target)
        assert len(found) <= set_aside, reader.show(found) + move.log()


@pytest.mark.parametrize("engine", ["redis-3.2", "redis-5.0", "redis-6.2"])
def test_a_file_of_an_old_engine_is_loaded_whole(server, tmp_path, engine):
    source, target = server(engine), server("valkey-8.1")
    fill_every_type(source, 5_000, expiring_ms=(3_600_000, 7_200_000))
    with loading(saved(source, tmp_path), target) as move:
        assert move.start().wait_exit(120) == tool.DONE, move.log()
    found = reader.compare(source, target, tolerance_ms=2000 * tool.SLOW)
    assert found == [], reader.show(found)
    assert target.client().dbsize() > 2_000


def test_a_killed_run_goes_on_and_doubles_nothing(server, tmp_path):
    source, target = server("redis-7.0"), server("valkey-8.0")
    fill(source, 60_000)
    path = saved(source, tmp_path)
    with loading(path, target, "--ops", "40000") as move:
        move.start()
        for part in (0.2, 0.5, 0.8):
            size = path_size(path)
            move.wait_status(lambda s: s.get("snapshot", {}).get("bytes", 0) >= part * size, f"{part} of the file")
            move.kill()
            move.start()
        assert move.wait_exit(120) == tool.DONE, move.log()
        assert reader.compare(source, target) == []
        assert move.status()["generation"] == 1, "what was there was gone on with"


def path_size(path):
    return pathlib.Path(path).stat().st_size


def test_a_pause_stands_and_goes_on(server, tmp_path):
    source, target = server("redis-7.0"), server("valkey-8.0")
    fill(source, 30_000)
    path = saved(source, tmp_path)
    with loading(path, target, "--ops", "20000") as move:
        move.start()
        move.wait_status(lambda s: s.get("snapshot", {}).get("keys", 0) > 1000, "some keys")
        assert move.command("pause").returncode == tool.DONE
        move.wait_phase("paused")
        done = move.command("cutover")
        assert done.returncode == tool.USAGE and "there is no cutover" in done.stderr
        assert move.command("throttle", "--off").returncode == tool.DONE
        assert move.command("resume").returncode == tool.DONE
        assert move.wait_exit(120) == tool.DONE, move.log()
        assert reader.compare(source, target) == []


def test_a_target_that_restarts_and_a_file_that_vanishes(server, tmp_path):
    source, target = server("redis-7.0"), server("valkey-8.0", options={"appendonly": "yes"})
    fill(source, 30_000)
    path = pathlib.Path(saved(source, tmp_path))
    with loading(path, target, "--ops", "20000") as move:
        move.start()
        move.wait_status(lambda s: s.get("snapshot", {}).get("keys", 0) > 1000, "some keys")
        target.stop()
        target.start()
        move.wait_status(lambda s: s["link"]["target_reconnects"] > 0, "connected again")
        move.kill()
        path.rename(tmp_path / "aside")
        move.start()
        assert move.wait_exit() == tool.SOURCE and "No such file" in move.log(), move.log()
        (tmp_path / "aside").rename(path)
        move.start()
        assert move.wait_exit(120) == tool.DONE, move.log()
        assert reader.compare(source, target) == []


def test_an_aborted_load_takes_its_bookkeeping_back(server, tmp_path):
    source, target = server("redis-7.0"), server("valkey-8.0")
    fill(source, 30_000)
    with loading(saved(source, tmp_path), target, "--ops", "20000") as move:
        move.start()
        move.wait_status(lambda s: s.get("snapshot", {}).get("keys", 0) > 1000, "some keys")
        assert move.command("abort").returncode == tool.DONE
        move.wait_exit()
        assert move.phase() == "aborted" and not target.client().keys("handover:*")


def test_a_kill_at_the_end_is_harmless(server, tmp_path):
    source, target = server("redis-7.0"), server("valkey-8.0")
    fill(source, 3_000)
    path = saved(source, tmp_path)
    with loading(path, target) as move:
        hooks = move.directory / "hooks"
        hooks.mkdir()
        (hooks / "before-finish").write_text(f"#!/bin/sh\ntest -e {move.directory}/go\n")
        (hooks / "before-finish").chmod(0o755)
        move.options += ["--hooks", hooks]
        move.start()
        assert move.wait_exit() != tool.DONE  # vetoed: everything is there, the end is not
        assert move.phase() == "snapshot"
        (move.directory / "go").touch()
        move.start()
        assert move.wait_exit() == tool.DONE, move.log()
        assert move.phase() == "finished" and reader.compare(source, target) == []


def test_target_policies(server, tmp_path):
    source, target = server("redis-7.0"), server("valkey-8.0")
    fill(source, 1_000)
    path = saved(source, tmp_path)
    target.client().set("own", 1)
    target.client().set("s:1", "old")
    with loading(path, target) as move:
        move.start()
        assert move.wait_exit() == tool.TARGET and "target-not-empty" in move.log()
    with loading(path, target, *tool.MERGE_TARGET) as move:
        move.start()
        assert move.wait_exit() == tool.DONE, move.log()
        assert target.client().get("own") == b"1" and target.client().get("s:1").startswith(b"value 1")
    with loading(path, target, *tool.REPLACE_TARGET) as move:
        move.start()
        assert move.wait_exit() == tool.DONE, move.log()
        assert target.client().get("own") is None and reader.compare(source, target) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "missing", "directory"])
def test_a_damaged_file_is_named_before_anything_is_written(server, tmp_path, damage):
    target = server("valkey-8.0")
    data = bytearray((GOLDEN / "redis-7.0.rdb").read_bytes())
    path = tmp_path / "dump.rdb"
    if damage == "cut":
        data = data[:-20]
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
    elif damage == "foreign":
        data[:9] = b"SQLite fo"
    if damage == "directory":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes(data)
    with loading(path, target) as move:
        move.start()
        code = move.wait_exit()
        assert code == tool.SOURCE or (damage == "directory" and code != tool.DONE), move.log()
        assert str(path) in move.log()
        assert target.client().dbsize() == 0


def test_a_file_that_changes_is_recognised(server, tmp_path):
    source, target = server("redis-7.0"), server("valkey-8.0")
    fill(source, 40_000)
    path = pathlib.Path(saved(source, tmp_path))
    with loading(path, target, "--ops", "20000") as move:
        move.start()
        move.wait_status(lambda s: s.get("snapshot", {}).get("keys", 0) > 1000, "some keys")
        move.kill()
        kept = path.read_bytes()
        source.client().set("another", 1)
        saved(source, tmp_path)
        move.start()
        assert move.wait_exit() == tool.SOURCE, move.log()
        assert "is not the file that this move began with" in move.log()
        path.write_bytes(kept)  # other times, another inode perhaps: the same content
        move.start()
        assert move.wait_exit(120) == tool.DONE, move.log()


def test_values_the_target_does_not_take_are_set_aside_by_name(server, tmp_path):
    source, target = server("redis-8.0"), server("valkey-8.0")
    source.client().execute_command("HSET", "with expiry", "f", "v")
    source.client().execute_command("HPEXPIRE", "with expiry", 3_600_000, "FIELDS", 1, "f")
    source.client().set("plain", 1)
    path = saved(source, tmp_path)
    with loading(path, target) as move:
        move.start()
        assert move.wait_exit() in tool.REFUSALS and "field-expiry" in move.log()
    with loading(path, target, "--accept", "field-expiry") as move:
        move.start()
        assert move.wait_exit() == tool.FINDINGS, move.log()
        assert target.client().get("plain") == b"1" and move.status()["quarantine"]["keys"] == 1
        assert "with expiry" in move.command("quarantine", "list").stdout


def test_expiries_of_fields_are_real_ones_at_once(server, tmp_path):
    source, target = server("redis-8.0"), server("valkey-9.1")
    source.client().hset("h", mapping={"a": 1, "b": 2})
    source.client().execute_command("HPEXPIRE", "h", 3_600_000, "FIELDS", 1, "a")
    with loading(saved(source, tmp_path), target) as move:
        move.start()
        assert move.wait_exit() == tool.DONE, move.log()
        left, never = target.client().execute_command("HTTL", "h", "FIELDS", 2, "a", "b")
        assert 0 < left <= 3600 and never == -1


def test_the_dry_run_says_what_would_be_and_writes_nothing(server, tmp_path):
    target = server("valkey-8.0")
    with loading(GOLDEN / "redis-7.0.rdb", target) as move:
        done = move.dry_run()
        assert done.returncode == tool.DONE and "RDB version 10" in done.stdout, done.stdout + done.stderr
        assert target.client().dbsize() == 0


def test_an_append_only_file_with_a_tail_is_refused(server, tmp_path):
    target = server("valkey-8.0")
    path = tmp_path / "appendonly.aof"
    path.write_bytes((GOLDEN / "redis-7.0.rdb").read_bytes() + b"*1\r\n$4\r\nPING\r\n")
    with loading(path, target) as move:
        move.start()
        assert move.wait_exit() in tool.REFUSALS and "file-rest" in move.log(), move.log()
        assert target.client().dbsize() == 0
    with loading(path, target, "--accept", "file-rest") as move:
        move.start()
        assert move.wait_exit() == tool.DONE, move.log()


def test_a_memory_that_is_too_small_is_told_before(server, tmp_path):
    source, target = server("redis-7.0"), server("valkey-8.0", options={"maxmemory": "5mb"})
    fill(source, 50_000)
    path = saved(source, tmp_path)
    with loading(path, target) as move:
        move.start()
        assert move.wait_exit() == tool.TARGET and "target-memory" in move.log()


def test_a_spool_smaller_than_the_file_is_enough(server, tmp_path):
    source, target = server("redis-7.0", options={"rdbcompression": "no"}), server("valkey-8.0")
    source.client().execute_command("DEBUG", "POPULATE", 60_000, "k", 1_000)
    path = saved(source, tmp_path)
    assert path_size(path) > 48 * 1024 * 1024
    with loading(path, target, "--spool-max", "16M", "--spool-segment", "1M") as move:
        move.start()
        assert move.wait_exit(180) == tool.DONE, move.log()
        assert target.client().dbsize() == 60_000


def test_what_needs_a_server_says_so(server):
    target = server("valkey-8.0")
    path = GOLDEN / "redis-7.0.rdb"
    done = tool.handover("audit", "--source", f"file:{path}")
    assert done.returncode == tool.USAGE and "--rdb" in done.stderr
    done = tool.handover("verify", "--source", f"file:{path}", "--target", target.url)
    assert done.returncode == tool.USAGE and "one is a file" in done.stderr
    with loading(path, target, "--cutover", "auto") as move:
        move.start()
        assert move.wait_exit() == tool.USAGE and "there is no cutover" in move.log()
    with tool.Migration(target, FileSource(path)) as move:
        move.start()
        assert move.wait_exit() == tool.USAGE and "the target is a file" in move.log()
