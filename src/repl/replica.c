#include "repl/replica.h"

#include <stdio.h>

#include "engine/info.h"

static bool same_version(span source, span replica, err *e)
{
    engine_version a;
    engine_version b;
    if (!engine_version_read(source, &a, e) || !engine_version_read(replica, &b, e)) return false;
    /* Before 7.0 a fenced primary drops its replicas, and expiries are relative to the receipt. */
    if (!engine_version_at_least(&a, 7, 0)) {
        return err_set(e, ERR_STATE, "replicas are used from 7.0 on, the source is %s",
                       engine_version_show(&a).text);
    }
    if (a.product == b.product && a.major == b.major && a.minor == b.minor) return true;
    return err_set(e, ERR_STATE, "it is %s, the source %s", engine_version_show(&b).text,
                   engine_version_show(&a).text);
}

static bool follows(span source, span replica, err *e)
{
    static const struct {
        const char *name, *wanted, *else_text;
    } lines[] = {
        {"role", "slave", "it is no replica"},
        {"master_link_status", "up", "its link to its own primary is down"},
        {"master_sync_in_progress", "0", "it is being copied itself"},
        {"slave_read_only", "1", "it takes writes of its own (replica-read-only)"},
        {"loading", "0", "it is loading its data"},
    };
    span value = {0};
    span id = {0};
    if (!info_text(source, "role", &value) || !span_is(value, "master"))
        return err_set(e, ERR_STATE, "the source is not a primary now");
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (!info_text(replica, lines[i].name, &value) || !span_is(value, lines[i].wanted))
            return err_set(e, ERR_STATE, "%s", lines[i].else_text);
    }
    if (!info_text(source, "master_replid", &id) || !info_text(replica, "master_replid", &value) ||
        id.size != REPLID_SIZE || !span_equal(id, value))
        return err_set(e, ERR_STATE, "it has not the replication id of the source");
    return true;
}

/* Whether PSYNC would be answered by CONTINUE. */
static bool goes_on(span replica, uint64_t at, const replica_need *need, err *e)
{
    span id = {0};
    uint64_t first = 0;
    uint64_t active = 0;
    bool known = (info_text(replica, "master_replid", &id) && span_is(id, need->replid)) ||
                 (info_text(replica, "master_replid2", &id) && span_is(id, need->replid));
    if (!known) return err_set(e, ERR_STATE, "it does not know the history the link goes on from");
    if (at < need->end) {
        return err_set(e, ERR_STATE, "it is at offset %" PRIu64 ", the link at %" PRIu64, at,
                       need->end);
    }
    if (!info_u64(replica, "repl_backlog_active", &active) || active != 1 ||
        !info_u64(replica, "repl_backlog_first_byte_offset", &first) || first > need->end + 1) {
        return err_set(e, ERR_STATE, "its backlog does not reach back to offset %" PRIu64,
                       need->end);
    }
    return true;
}

/* With replica-ignore-maxmemory off a replica evicts what its primary keeps. */
static bool keeps_all(span replica, const replica_need *need, err *e)
{
    uint64_t max = 0;
    span policy = {0};
    bool known =
        info_u64(replica, "maxmemory", &max) && info_text(replica, "maxmemory_policy", &policy);
    if (need->keeps_all || (known && (max == 0 || span_is(policy, "noeviction")))) return true;
    return err_set(e, ERR_STATE, "it may evict keys by itself (replica-ignore-maxmemory)");
}

bool replica_fits(span source, span replica, const replica_need *need, err *e)
{
    uint64_t there = 0;
    uint64_t here = 0;
    if (!same_version(source, replica, e) || !follows(source, replica, e) ||
        !keeps_all(replica, need, e))
        return false;
    if (!info_u64(source, "master_repl_offset", &there) ||
        !info_u64(replica, "slave_repl_offset", &here))
        return err_set(e, ERR_STATE, "its offset is not known");
    if (here < there && there - here > REPLICA_LAG_MAX_BYTES)
        return err_set(e, ERR_STATE, "it is %" PRIu64 " bytes behind", there - here);
    return need->replid[0] == '\0' || goes_on(replica, here, need, e);
}

/* Line `index` of the replicas that the source knows. */
static bool line_find(span source, unsigned index, span *ret)
{
    char name[24];
    (void)snprintf(name, sizeof name, "slave%u", index);
    return info_text(source, name, ret);
}

static bool address_read(span line, span *ret_host, uint16_t *ret_port)
{
    span state;
    span port;
    uint64_t number = 0;
    if (!info_part(line, "state", &state) || !span_is(state, "online") ||
        !info_part(line, "ip", ret_host) || !info_part(line, "port", &port) ||
        !span_to_u64(port, &number) || number == 0 || number > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)number;
    return true;
}

bool replica_listed(span source, unsigned index, span *ret_host, uint16_t *ret_port)
{
    span line;
    span host = {0};
    uint16_t port = 0;
    if (!line_find(source, index, &line)) return false;
    bool whole = address_read(line, &host, &port);
    *ret_host = whole ? host : (span){0};
    *ret_port = whole ? port : 0;
    return true;
}

bool replica_offset(span source, const char *host, uint16_t port, uint64_t *ret)
{
    span line;
    for (unsigned i = 0; line_find(source, i, &line); i++) {
        span there = {0};
        span offset;
        uint16_t number = 0;
        if (address_read(line, &there, &number) && span_is(there, host) && number == port &&
            info_part(line, "offset", &offset))
            return span_to_u64(offset, ret);
    }
    return false;
}
