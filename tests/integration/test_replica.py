"""The link goes to a replica of the source and spares the primary: found, left, promoted, killed."""

import concurrent.futures
import signal

import pytest

import reader
import tool
from faults import SOAK, assert_nothing_lost
from fill import fill
from relay import Relay
from servers import free_port, wait_until
from workload import Workload

BACKLOG = {"repl-backlog-size": "64mb"}
WRITER_KEYS = b"w:"


def replica_of(server, primary, engine=None, way=None, **options):
    """`way`: what stands in front of the primary for it."""
    options = {name.replace("_", "-"): value for name, value in options.items()}
    one = server(engine or primary.engine, password=options.pop("password", primary.password), options={
        "replicaof": f"127.0.0.1 {(way or primary).port}", "masterauth": primary.password, **BACKLOG, **options})
    wait_until(lambda: one.info("replication")["master_link_status"] == "up", 30, "the replica's link")
    if way is None or way.port == primary.port:
        wait_until(lambda: primary.info("replication")["slave0"]["state"] == "online", 30, "the replica to be online")
    return one


@pytest.fixture
def three(server):
    """Source, its replica, target."""
    def start(engine="valkey-8.0", options=None):
        source = server(engine, password="a", options={**BACKLOG, **(options or {})})
        return source, replica_of(server, source), server("valkey-8.0", password="b")
    return start


@pytest.mark.parametrize("engine", ["redis-7.0", "valkey-8.0", "valkey-9.1"])
def test_a_whole_move_goes_through_the_replica_and_nothing_to_the_primary(three, engine):
    source, replica, target = three(engine)
    fill(source, 3000)
    with Workload(source, then=target, seed=71, rate=1000) as writer, \
            tool.Migration(source, target) as move:
        move.start("--switch-hook", writer.hook())
        move.wait_phase("in-sync")
        attached = move.status()["attached"]
        assert attached["to"] == "replica" and attached["node"].endswith(f":{replica.port}"), attached
        assert source.info("replication")["connected_slaves"] == 1, "the link is at the primary"
        assert replica.info("replication")["connected_slaves"] == 1
        assert f"attached    to the replica, 127.0.0.1:{replica.port}" in move.command("status").stdout
        writer.wait_writes(500)
        done = move.command("cutover", "--skip-verify")
        assert done.returncode == tool.DONE, done.stdout + done.stderr
        writer.wait_moved()
        report = writer.stop()
        assert report["wrong"] == [] and report["address"] == target.address
        assert writer.check(target) == []
        found = reader.compare(source, target, ignore=WRITER_KEYS)
        assert found == [], reader.show(found)


def test_a_replica_killed_in_the_stream_is_left_without_a_full_sync(three):
    source, replica, target = three()
    fill(source, 1000)
    with Workload(source, then=target, seed=72, rate=1000) as writer, \
            tool.Migration(source, target) as move:
        move.start()
        move.wait_phase("in-sync")
        generation = move.status()["generation"]
        replica.kill()
        move.wait_status(lambda s: s["attached"]["to"] == "source", "the link at the source")
        assert f":{replica.port}" in move.status()["attached"]["why"]
        writer.wait_writes(500)
        assert_nothing_lost(source, target, move, writer)
        assert move.status()["generation"] == generation, "a full sync was made"


def test_a_replica_killed_in_the_snapshot_is_left_and_the_source_makes_one(three):
    source, replica, target = three()
    fill(source, 5000)
    with Workload(source, then=target, seed=73, rate=500) as writer, \
            tool.Migration(source, target) as move:
        replica.client().config_set("rdb-key-save-delay", 400)
        move.start()
        move.wait_phase("snapshot")
        assert move.status()["attached"]["to"] == "replica"
        replica.kill()
        move.wait_phase("in-sync")
        assert move.status()["attached"]["to"] == "source"
        assert_nothing_lost(source, target, move, writer)


def test_a_replica_promoted_on_the_way_is_left_for_the_source(three):
    """What it takes in from then on is not the source's."""
    source, replica, target = three()
    fill(source, 1000)
    with Workload(source, then=target, seed=74, rate=500) as writer, \
            tool.Migration(source, target) as move:
        move.start()
        move.wait_phase("in-sync")
        generation = move.status()["generation"]
        replica.client().replicaof("NO", "ONE")
        replica.client().set("stranger", "1")
        move.wait_status(lambda s: s["attached"]["to"] == "source", "the link at the source")
        writer.wait_writes(200)
        assert_nothing_lost(source, target, move, writer)
        assert move.status()["generation"] == generation
        assert target.client().get("stranger") is None


def test_a_named_server_that_is_no_replica_of_the_source_is_a_finding(three, server):
    source, _, target = three()
    stranger = server("valkey-8.0", password="a")
    with tool.Migration(source, target, ("--replica", f"127.0.0.1:{stranger.port}")) as move:
        done = move.dry_run()
        assert done.returncode in tool.REFUSALS
        assert "[replica]" in done.stderr and "it is no replica" in done.stderr, done.stderr


def unfit(name, server, source):
    """Gives the source a replica that may not feed the link: what is said of it."""
    if name == "password":
        one = replica_of(server, source)
        one.client().config_set("requirepass", "another")
        return "WRONGPASS"
    if name == "address":
        replica_of(server, source, replica_announce_port=free_port())
        return "connect"
    if name == "eviction":
        replica_of(server, source, replica_ignore_maxmemory="no", maxmemory="1gb", maxmemory_policy="allkeys-lru")
        return "it may evict keys by itself"
    assert name == "buffer"
    replica_of(server, source, repl_backlog_size="16kb", client_output_buffer_limit="replica 1 1 1")
    source.client().config_set("repl-diskless-sync-delay", 60)  # the estimate of the snapshot's time
    return "its replica buffer ('replica 1 1 1') does not hold"


@pytest.mark.parametrize("name", ["password", "buffer", *(["address", "eviction"] if SOAK else [])])
def test_a_replica_that_is_not_well_is_told_and_the_source_feeds_the_link(server, name):
    source, target = server("valkey-8.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    said = unfit(name, server, source)
    with Workload(source, seed=75, rate=1000) as writer, tool.Migration(source, target) as move:
        writer.wait_writes(100)
        done = move.dry_run()
        assert done.returncode == tool.DONE, done.stderr
        assert "the link goes to the source" in done.stderr and said in done.stderr, done.stdout + done.stderr
        assert "gets the link's PSYNC" not in done.stdout


def test_a_replica_that_relays_too_late_takes_the_cutover_back_and_is_left(server):
    source, target = server("valkey-8.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    with Relay(source) as way:
        replica = replica_of(server, source, way=way)
        fill(source, 1000)
        with Workload(source, then=target, seed=76, rate=1000) as writer, tool.Migration(source, target) as move:
            move.start("--switch-hook", writer.hook())
            move.wait_phase("in-sync")
            generation = move.status()["generation"]
            assert move.status()["attached"]["to"] == "replica"
            way.delay_s = 3600
            done = move.command("cutover", "--skip-verify")
            assert done.returncode != tool.DONE and "behind" in done.stderr, done.stdout + done.stderr
            assert source.info("replication")["role"] == "master"
            attached = move.wait_status(lambda s: s["attached"]["to"] == "source", "the link at the source")["attached"]
            assert f":{replica.port}" in attached["why"] and "relayed late" in attached["why"]
            move.wait_caught_up()
            done = move.command("cutover", "--skip-verify")
            assert done.returncode == tool.DONE, done.stdout + done.stderr
            writer.wait_moved()
            assert move.status()["generation"] == generation, "a full sync was made"
            assert writer.stop()["wrong"] == [] and writer.check(target) == []


def test_a_replica_that_stops_inside_the_hold_takes_the_cutover_back(server):
    """The checks find it fast enough; when writes are held nothing more comes, and the drain misses."""
    source, target = server("valkey-8.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")

    def holds():
        return "cmdstat_client|pause" in source.info("commandstats")

    with Relay(source) as way:
        replica = replica_of(server, source, way=way)
        fill(source, 1000)
        with Workload(source, then=target, seed=81, rate=1000) as writer, tool.Migration(source, target) as move:
            move.start("--switch-hook", writer.hook())
            move.wait_phase("in-sync")
            generation = move.status()["generation"]
            assert move.status()["attached"]["to"] == "replica"
            way.delay_s = 0.4  # so long does the drain wait
            with concurrent.futures.ThreadPoolExecutor() as other:
                asked = other.submit(move.command, "cutover", "--skip-verify")
                wait_until(lambda: holds() or asked.done(), 60, "the hold", every_s=0.002)
                replica.process.send_signal(signal.SIGSTOP)
                done = asked.result()
                replica.process.send_signal(signal.SIGCONT)
            assert done.returncode != tool.DONE and "step 4 (drain)" in done.stderr, done.stdout + done.stderr
            assert source.info("replication")["role"] == "master"
            written = writer.report()["writes"]
            wait_until(lambda: writer.report()["writes"] > written, 30, "writes that go on at the source")
            attached = move.wait_status(lambda s: s["attached"]["to"] == "source", "the link at the source")["attached"]
            assert "a cutover was missed because it relayed late" in attached["why"], attached
            move.wait_caught_up()
            done = move.command("cutover", "--skip-verify")
            assert done.returncode == tool.DONE, done.stdout + done.stderr
            writer.wait_moved()
            assert move.status()["generation"] == generation, "a full sync was made"
            assert writer.stop()["wrong"] == [] and writer.check(target) == []


@pytest.mark.soak  # 10 s of waiting
def test_a_replica_cut_off_from_its_primary_is_left_without_a_full_sync(server):
    """Cut off without a word: no connection breaks, nothing more comes."""
    source, target = server("valkey-8.0", password="a", options=BACKLOG), server("valkey-8.0", password="b")
    with Relay(source) as way:
        replica = replica_of(server, source, way=way)
        fill(source, 1000)
        with Workload(source, then=target, seed=77, rate=500) as writer, tool.Migration(source, target) as move:
            move.start()
            move.wait_phase("in-sync")
            generation = move.status()["generation"]
            way.delay_s = 3600
            attached = move.wait_status(lambda s: s["attached"]["to"] == "source", "the link at the source")["attached"]
            assert f":{replica.port}" in attached["why"] and "too late" in attached["why"], attached
            assert_nothing_lost(source, target, move, writer)
            assert move.status()["generation"] == generation, "a full sync was made"


def test_a_replica_of_a_replica_feeds_the_link_when_it_is_named(server, three):
    source, middle, target = three()
    last = replica_of(server, source, way=middle)
    fill(source, 1000)
    with Workload(source, then=target, seed=79, rate=500) as writer, \
            tool.Migration(source, target, ("--replica", f"127.0.0.1:{last.port}")) as move:
        move.start()
        move.wait_phase("in-sync")
        assert move.status()["attached"]["node"] == f"127.0.0.1:{last.port}"
        writer.wait_writes(200)
        last.kill()
        move.wait_status(lambda s: s["attached"]["to"] == "source", "the link at the source")
        assert_nothing_lost(source, target, move, writer)


def test_a_source_without_a_replica_feeds_the_link_itself(pair):
    with tool.Migration(pair.source, pair.target) as move:
        move.start()
        move.wait_phase("in-sync")
        attached = move.status()["attached"]
        assert attached["to"] == "source" and "no replica" in attached["why"]


def test_the_stream_of_a_replica_begins_in_the_database_its_snapshot_names(three):
    """It repeats no SELECT; also when the run is killed in between and the name was read before."""
    source, replica, target = three()
    fill(source, 5000)
    with source.client(db=3) as c, tool.Migration(source, target) as move:
        c.set("n", 0)
        wait_until(lambda: replica.client(db=3).get("n") is not None, 30, "the write at the replica")
        replica.client().config_set("rdb-key-save-delay", 400)
        move.start()
        move.wait_phase("snapshot")
        move.wait_status(lambda s: s["snapshot"]["bytes"] > 0, "keys on the target")
        move.kill()
        move.start()
        for _ in range(1000):
            c.incr("n")
        move.wait_phase("in-sync")
        assert move.status()["attached"]["to"] == "replica"
        assert_nothing_lost(source, target, move)
