"""Single values of many megabytes: moved in chunks by a tool that is killed on the way, compared by
`handover verify` and by the engines' own digests, within the memory bound. Full sizes: make big."""

import pytest

import big
import tool
from fill import Feed, Values
from servers import peak_rss_bytes

SCALES = {"hash": 0.05, "zset": 0.03, "string": 0.1, "stream": 0.1, "pending": 0.1}


@pytest.mark.parametrize("kind", SCALES)
def test_a_big_value_arrives_whole_within_the_memory_bound_though_the_tool_is_killed(kind):
    row = big.run(kind, SCALES[kind], kills=2)
    assert not row["wrong"], row


def test_pending_entries_that_were_deleted_are_set_aside_by_name(pair, migration):
    with Feed(pair.source) as feed:
        big.add_entries(feed, Values(1), 250_000)
        big.read_by_group(feed, "few", 2, 100, 10)
        feed.send("XDEL", big.KEY, "1700000000001-1", "1700000000002-1")
    migration.start()
    migration.wait_caught_up(deadline_s=120)
    noted = migration.wait_status(lambda s: s["quarantine"]["keys"], "a key set aside")
    assert noted["quarantine"]["keys"] == 1, noted
    assert "deleted from the stream" in str(migration.status()) + migration.log()
    with pair.target.client() as c:
        assert c.xpending(big.KEY, "few")["pending"] == 998
    assert peak_rss_bytes(migration.process.pid) <= big.RSS_MAX


def test_a_value_over_the_targets_limit_is_set_aside_and_the_rest_arrives(pair, migration):
    with pair.source.client() as c:
        for n in range(48):
            c.append("big", Values(n).pool)
        c.set("small", 1)
    with pair.target.client() as c:
        c.config_set("proto-max-bulk-len", 32 << 20)
    migration.start()
    migration.wait_caught_up(deadline_s=120)
    migration.wait_status(lambda s: s["quarantine"]["keys"] == 1, "the key set aside")
    with pair.target.client() as c:
        assert c.get("small") == b"1"
