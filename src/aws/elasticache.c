#include "aws/elasticache.h"

#include <stdlib.h>

#include "aws/keys.h"
#include "base/clock.h"

#define EVENTS_KEPT_MS (INT64_C(14) * 24 * 3600 * 1000)
#define EVENTS_MAX ((size_t)10000)

static bool read_address(const xml_node *n, aws_address *ret, err *e)
{
    uint64_t port = 0;
    aws_address a = {.host = xml_text(n, "Address")};
    if (*a.host) {
        const char *text = xml_text(n, "Port");
        if (!span_to_u64(span_text(text), &port) || port == 0 || port > UINT16_MAX)
            return err_set(e, ERR_AWS, "the endpoint '%s' has the port '%s'", a.host, text);
        a.port = (uint16_t)port;
    }
    *ret = a;
    return true;
}

static bool is(const xml_node *n, const char *path, const char *word)
{
    return strcmp(xml_text(n, path), word) == 0;
}

static size_t count_nodes(const xml_node *group)
{
    size_t count = 0;
    for (const xml_node *s = xml_at(group, "NodeGroups/NodeGroup"); s; s = xml_next(s)) {
        for (const xml_node *m = xml_at(s, "NodeGroupMembers/NodeGroupMember"); m; m = xml_next(m))
            count++;
    }
    return count;
}

static bool read_nodes(const xml_node *group, arena *memory, aws_group *g, err *e)
{
    size_t count = count_nodes(group);
    if (count > AWS_GROUP_NODES_MAX)
        return err_set(e, ERR_AWS, "replication group '%s' has %zu nodes", g->id, count);
    aws_node *nodes = arena_alloc(memory, (count + 1) * sizeof *nodes);
    g->nodes = nodes;
    for (const xml_node *s = xml_at(group, "NodeGroups/NodeGroup"); s; s = xml_next(s)) {
        g->shard_count++;
        for (const xml_node *m = xml_at(s, "NodeGroupMembers/NodeGroupMember"); m;
             m = xml_next(m)) {
            aws_node *n = &nodes[g->node_count++];
            *n = (aws_node){.id = xml_text(m, "CacheClusterId"),
                            .shard = xml_text(s, "NodeGroupId"),
                            .zone = xml_text(m, "PreferredAvailabilityZone"),
                            .role = xml_text(m, "CurrentRole")};
            if (!read_address(xml_at(m, "ReadEndpoint"), &n->address, e)) return false;
        }
    }
    return true;
}

bool aws_group_read(const xml_node *n, arena *memory, aws_group *ret, err *e)
{
    aws_group g = {
        .id = xml_text(n, "ReplicationGroupId"),
        .status = xml_text(n, "Status"),
        .engine = xml_text(n, "Engine"),
        .arn = xml_text(n, "ARN"),
        .user_group = xml_text(n, "UserGroupIds/member"),
        .primary.host = "",
        .reader.host = "",
        .cluster_mode = is(n, "ClusterEnabled", "true"),
        .tls = is(n, "TransitEncryptionEnabled", "true"),
        .tls_preferred = is(n, "TransitEncryptionMode", "preferred"),
        .auth_token = is(n, "AuthTokenEnabled", "true"),
        .auto_failover = is(n, "AutomaticFailover", "enabled"),
        .multi_az = is(n, "MultiAZ", "enabled"),
    };
    if (!*g.id) return err_set(e, ERR_AWS, "the answer holds a replication group without an id");
    const xml_node *shard = xml_at(n, "NodeGroups/NodeGroup");
    if (!g.cluster_mode && !(read_address(xml_at(shard, "PrimaryEndpoint"), &g.primary, e) &&
                             read_address(xml_at(shard, "ReaderEndpoint"), &g.reader, e)))
        return false;
    if (!read_address(xml_at(n, "ConfigurationEndpoint"), &g.configuration, e)) return false;
    if (!read_nodes(n, memory, &g, e)) return false;
    *ret = g;
    return true;
}

bool aws_group_find(struct aws_session *s,
                    const char *id,
                    int64_t deadline_ns,
                    arena *memory,
                    aws_group *ret,
                    aws_fault *ret_fault,
                    err *e)
{
    CLEANUP(buf_clear) buf form = buf_of(AWS_FORM_MAX);
    const xml_node *result = NULL;
    aws_action a = {.service = &aws_elasticache, .action = "DescribeReplicationGroups"};
    if (!aws_form_add(&form, "ReplicationGroupId", span_text(id), e)) return false;
    a.form = buf_span(&form);
    if (!aws_query(s, &a, deadline_ns, memory, &result, ret_fault, e)) {
        if (aws_fault_is(ret_fault, "ReplicationGroupNotFoundFault")) {
            (void)err_set(e, ERR_AWS, "there is no replication group '%s' in %s", id,
                          aws_session_region(s));
            return err_hint(e, "'aws elasticache describe-replication-groups' lists those of a "
                               "region; --region and --profile choose region and account");
        }
        return false;
    }
    const xml_node *n = xml_at(result, "ReplicationGroups/ReplicationGroup");
    if (!n) return err_set(e, ERR_AWS, "DescribeReplicationGroups: '%s' is not in the answer", id);
    return aws_group_read(n, memory, ret, e);
}

struct waiting {
    struct aws_session *s;
    const char *id;
    arena *memory;
    aws_group *ret;
};

static wait_answer is_available(void *context, int64_t deadline_ns, err *e)
{
    static const char *const ends[] = {"deleting", "deleted", "create-failed"};
    struct waiting *w = context;
    aws_fault fault;
    if (!aws_group_find(w->s, w->id, deadline_ns, w->memory, w->ret, &fault, e)) return WAIT_FAILED;
    if (strcmp(w->ret->status, "available") == 0) return WAIT_DONE;
    (void)err_set(e, ERR_AWS, "%s", w->ret->status);
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (strcmp(w->ret->status, ends[i]) == 0) return WAIT_FAILED;
    return WAIT_MORE;
}

bool aws_group_wait(struct aws_session *s,
                    const char *id,
                    int64_t every_ms,
                    int64_t deadline_ns,
                    arena *memory,
                    aws_group *ret,
                    err *e)
{
    char what[128];
    struct waiting w = {.s = s, .id = id, .memory = memory, .ret = ret};
    (void)snprintf(what, sizeof what, "replication group '%s' becoming available", id);
    return aws_wait(what, is_available, &w, every_ms, deadline_ns, e);
}

bool aws_group_failover(struct aws_session *s,
                        const aws_group *g,
                        const char *shard,
                        int64_t deadline_ns,
                        aws_fault *ret_fault,
                        err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf form = buf_of(AWS_FORM_MAX);
    const xml_node *result = NULL;
    aws_action a = {.service = &aws_elasticache, .action = "TestFailover", .once = true};
    if (!aws_form_add(&form, "ReplicationGroupId", span_text(g->id), e) ||
        !aws_form_add(&form, "NodeGroupId", span_text(shard), e))
        return false;
    a.form = buf_span(&form);
    return aws_query(s, &a, deadline_ns, &memory, &result, ret_fault, e);
}

struct collecting {
    const aws_group *g;
    arena *memory;
    aws_event *events;
    size_t count, room;
};

static bool of_group(const aws_group *g, const char *source)
{
    if (strcasecmp(source, g->id) == 0) return true;
    for (size_t i = 0; i < g->node_count; i++)
        if (strcasecmp(source, g->nodes[i].id) == 0) return true;
    return false;
}

static const char *kept(struct collecting *c, const xml_node *n, const char *path)
{
    return arena_text(c->memory, span_text(xml_text(n, path)));
}

static bool collect(void *context, const xml_node *result, err *e)
{
    struct collecting *c = context;
    for (const xml_node *n = xml_at(result, "Events/Event"); n; n = xml_next(n)) {
        err ignored = {0}; /* an event without a date is still an event */
        int64_t at_ms = 0;
        if (!of_group(c->g, xml_text(n, "SourceIdentifier"))) continue;
        if (c->count == EVENTS_MAX)
            return err_set(e, ERR_AWS, "DescribeEvents: more than %zu events", EVENTS_MAX);
        if (c->count == c->room) {
            c->room = c->room ? 2 * c->room : 64;
            c->events = mem_realloc(c->events, c->room * sizeof *c->events);
        }
        if (!aws_time_read(span_text(xml_text(n, "Date")), &at_ms, &ignored)) at_ms = 0;
        c->events[c->count++] = (aws_event){.at_ms = at_ms,
                                            .source = kept(c, n, "SourceIdentifier"),
                                            .source_type = kept(c, n, "SourceType"),
                                            .message = kept(c, n, "Message")};
    }
    return true;
}

/* Oldest first. Those of one second stay in the service's order, turned round where that is the
 * newest first: a date has no fractions. */
static void order(aws_event *events, size_t count)
{
    bool newest_first = count > 1 && events[0].at_ms >= events[count - 1].at_ms;
    for (size_t i = 0; newest_first && i < count / 2; i++) {
        aws_event held = events[i];
        events[i] = events[count - 1 - i];
        events[count - 1 - i] = held;
    }
    for (size_t i = 1; i < count; i++) { /* almost sorted by now */
        aws_event one = events[i];
        size_t at = i;
        for (; at > 0 && events[at - 1].at_ms > one.at_ms; at--)
            events[at] = events[at - 1];
        events[at] = one;
    }
}

bool aws_group_events(struct aws_session *s,
                      const aws_group *g,
                      int64_t since_ms,
                      int64_t deadline_ns,
                      arena *memory,
                      const aws_event **ret,
                      size_t *ret_count,
                      err *e)
{
    CLEANUP(buf_clear) buf form = buf_of(AWS_FORM_MAX);
    struct collecting c = {.g = g, .memory = memory};
    aws_action a = {.service = &aws_elasticache, .action = "DescribeEvents"};
    aws_fault fault;
    int64_t oldest = clock_wall_ms() - EVENTS_KEPT_MS + 60000; /* else it is refused */
    clock_text start = clock_show(since_ms > oldest ? since_ms : oldest);
    bool good = aws_form_add(&form, "StartTime", span_text(start.text), e);
    a.form = buf_span(&form);
    good = good && aws_query_pages(s, &a, deadline_ns, collect, &c, &fault, e);
    if (good) {
        order(c.events, c.count);
        aws_event *events = arena_alloc(memory, (c.count + 1) * sizeof *events);
        if (c.count) memcpy(events, c.events, c.count * sizeof *events);
        *ret = events;
        *ret_count = c.count;
    }
    free(c.events);
    return good;
}
