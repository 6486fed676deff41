"""The audit on what runs in production: a cluster of six, a primary with its Sentinels, a server that asks for certificates."""

import contextlib
import json
import subprocess

import tool
from certificates import Authority
from fill import fill
from servers import die_with_parent, end_group, engine_program, free_port, wait_until


def audited(source, *more):
    done = tool.handover("audit", "--source", source.url, "--json", *more, source=source)
    assert done.returncode in (tool.DONE, tool.FINDINGS), done.stderr
    report = json.loads(done.stdout)
    return ({f["name"]: f["value"] for f in report["facts"]}, {f["id"]: f for f in report["findings"]})


def test_a_cluster_of_six_is_read_member_by_member(server):
    nodes = [server("valkey-8.0", options={"cluster-enabled": "yes", "cluster-node-timeout": 2000, "cluster-port": free_port()})
             for _ in range(6)]
    ids = [n.client().execute_command("CLUSTER", "MYID") for n in nodes]
    for i, node in enumerate(nodes[:3]):
        node.client().execute_command("CLUSTER", "ADDSLOTSRANGE", i * 16384 // 3, (i + 1) * 16384 // 3 - 1)
        node.client().config_set("slowlog-max-len", 200 + i)  # what a parameter group cannot have twice
    for node in nodes[1:]:
        nodes[0].client().execute_command("CLUSTER", "MEET", node.host, node.port, node.options["cluster-port"])
    wait_until(lambda: all(n.cli("CLUSTER", "NODES").count(b"connected") == 6 for n in nodes), 30, "all to know each other")
    for i, node in enumerate(nodes[3:]):
        node.client().execute_command("CLUSTER", "REPLICATE", ids[i])
    wait_until(lambda: all(b"cluster_state:ok" in n.cli("CLUSTER", "INFO") for n in nodes), 30, "the cluster")
    wait_until(lambda: all(b"master_link_status:up" in n.cli("INFO", "replication") for n in nodes[3:]), 30, "the replicas")
    facts, found = audited(nodes[4])  # any member stands for all
    assert facts["Cluster"] == "6 members read"
    assert {"setting-nodes:slowlog-max-len", "boundary-failover"} <= found.keys() and "ops-cluster" not in found
    assert "ops-single" not in found and not [i for i in found if i.startswith("unread-cluster")]
    asked = {n.client().info("commandstats").get("cmdstat_info", {}).get("calls", 0) > 0 for n in nodes}
    assert asked == {True}
    nodes[5].close()  # one that is down is told by its address, and the others still are read
    facts, found = audited(nodes[0])
    assert [i for i in found if i.startswith("unread-cluster") and str(nodes[5].port) in i] and facts["Cluster"] == "5 of 6 members read"


@contextlib.contextmanager
def sentinel(primary, directory):
    port = free_port()
    conf = directory / f"sentinel-{port}.conf"
    conf.write_text(f"port {port}\nbind 127.0.0.1\ndir {directory}\nsentinel monitor mymaster 127.0.0.1 {primary.port} 2\n")
    process = subprocess.Popen([engine_program(primary.engine), conf, "--sentinel"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent)
    try:
        yield port
    finally:
        end_group(process)


def test_a_primary_with_two_replicas_and_three_sentinels(server, tmp_path):
    primary = server("redis-7.0")
    replicas = [server("redis-7.0", options={"replicaof": f"127.0.0.1 {primary.port}"}) for _ in range(2)]
    wait_until(lambda: primary.info("replication")["connected_slaves"] == 2, 30, "the replicas")
    with contextlib.ExitStack() as watch:
        for _ in range(3):
            watch.enter_context(sentinel(primary, tmp_path))
        wait_until(lambda: primary.cli("PUBSUB", "NUMSUB", "__sentinel__:hello").split()[-1] == b"3", 30, "the Sentinels")
        _, found = audited(primary)
        assert {"ops-sentinel", "boundary-failover"} <= found.keys() and "ops-single" not in found
        assert not [i for i in found if i.startswith("client-unlisted")]  # they and the replicas are no applications
        _, found = audited(replicas[0])
        assert {"ops-of-replica"} <= found.keys()


def test_over_tls_with_a_client_certificate_and_a_user_of_few_rights(server, tmp_path):
    authority = Authority(tmp_path)
    own, theirs, port = authority.sign("client", names=()), authority.sign("server"), free_port()
    source = server("redis-8.0", password="source-pw", options={
        "tls-port": port, "tls-cert-file": theirs.cert, "tls-key-file": theirs.key, "tls-ca-cert-file": authority.cert})
    fill(source, 500)
    words = ["audit", "--source", f"rediss://127.0.0.1:{port}", "--source-ca", authority.cert, "--json"]
    refused = tool.handover(*words, source=source)
    assert refused.returncode == tool.SOURCE and "certificate" in refused.stderr and "--source-cert" in refused.stderr
    done = tool.handover(*words, "--source-cert", own.cert, "--source-key", own.key, source=source)
    assert done.returncode == tool.FINDINGS, done.stderr
    found = {f["id"] for f in json.loads(done.stdout)["findings"]}
    assert {"user-mutual-tls", "user-auth-token"} <= found, sorted(found)
