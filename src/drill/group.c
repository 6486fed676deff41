#include "drill/group.h"

#include <strings.h>

#include "base/clock.h"

#define ANSWER_MS 20000
#define NEAR_MS 250
#define FAR_MS 3000
#define BEFORE_MS 2000 /* events are dated in whole seconds */
#define EVENTS_MAX ((size_t)1000)

bool drill_group_check(const aws_group *g, err *e)
{
    if (strcmp(g->status, "available") != 0) {
        (void)err_set(e, ERR_STATE, "replication group '%s' is '%s', not available", g->id,
                      g->status);
        return err_hint(e,
                        "wait until it is: aws elasticache wait replication-group-available "
                        "--replication-group-id %s",
                        g->id);
    }
    if (g->cluster_mode) {
        (void)err_set(e, ERR_STATE, "replication group '%s' has cluster mode enabled", g->id);
        return err_hint(e, "the drill writes to one primary: rehearse with a group whose cluster "
                           "mode is disabled");
    }
    if (g->node_count < 2) {
        (void)err_set(e, ERR_STATE, "replication group '%s' has no replica: nothing can take over",
                      g->id);
        return err_hint(e,
                        "aws elasticache increase-replica-count --replication-group-id %s "
                        "--new-replica-count 1 --apply-immediately",
                        g->id);
    }
    if (!g->auto_failover) {
        (void)err_set(e, ERR_STATE, "automatic failover of replication group '%s' is not enabled",
                      g->id);
        return err_hint(e,
                        "aws elasticache modify-replication-group --replication-group-id %s "
                        "--automatic-failover-enabled --multi-az-enabled --apply-immediately",
                        g->id);
    }
    return true;
}

group_event group_event_of(const char *source_type, const char *message)
{
    static const struct {
        const char *word, *source_type; /* NULL: of any */
        group_event event;
    } rows[] = {
        {"Test Failover API called", NULL, GROUP_EVENT_CALLED},
        {"Failover from ", "cache-cluster", GROUP_EVENT_NODE_DONE},
        {"Failover from ", "replication-group", GROUP_EVENT_GROUP_DONE},
        {"Recovering cache nodes", NULL, GROUP_EVENT_RECOVERING},
        {"Finished recovery", NULL, GROUP_EVENT_RECOVERED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *type = rows[i].source_type;
        if (strcasestr(message, rows[i].word) && (!type || strcmp(type, source_type) == 0))
            return rows[i].event;
    }
    return GROUP_EVENT_OTHER;
}

static bool events_read(group_watch *w, const aws_event **ret, size_t *ret_count, err *e)
{
    return aws_group_events(w->session, &w->before, w->began_wall_ms - BEFORE_MS,
                            deadline_in_ms(ANSWER_MS), w->memory, ret, ret_count, e);
}

bool group_read(group_watch *w, aws_group *ret, err *e)
{
    aws_fault fault;
    return aws_group_find(w->session, w->id, deadline_in_ms(ANSWER_MS), w->memory, ret, &fault, e);
}

bool group_begin(group_watch *w, const drill_options *o, arena *memory, err *e)
{
    *w = (group_watch){.session = o->session,
                       .id = o->group,
                       .memory = memory,
                       .every_ms = o->is_near ? NEAR_MS : FAR_MS};
    return group_read(w, &w->before, e) && drill_group_check(&w->before, e);
}

static void failover_hint(const aws_fault *fault, err *e)
{
    static const struct {
        const char *code, *hint;
    } rows[] = {
        {"APICallRateForCustomerExceeded",
         "an account may test 15 shards in 24 hours: wait, or use "
         "another account"},
        {"TestFailoverNotAvailableFault",
         "the service allows none just now (a large event, or this "
         "account's limit): try again later"},
        {"InvalidReplicationGroupState", "another change of the group is under way: wait until it "
                                         "is available again"},
        {"AccessDenied", "the identity needs elasticache:TestFailover on the group"},
        {"AccessDeniedException", "the identity needs elasticache:TestFailover on the group"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (aws_fault_is(fault, rows[i].code)) (void)err_hint(e, "%s", rows[i].hint);
}

bool group_failover(group_watch *w, err *e)
{
    aws_fault fault = {0};
    w->began_wall_ms = clock_wall_ms();
    if (!events_read(w, &w->older, &w->older_count, e)) return false;
    w->began_ns = clock_ns();
    if (aws_group_failover(w->session, &w->before, w->before.nodes[0].shard,
                           deadline_in_ms(ANSWER_MS), &fault, e))
        return true;
    failover_hint(&fault, e);
    return err_wrap(e, "TestFailover");
}

/* Events may come late and have no numbers: one that is there already is known by all of it. */
static bool is_known(const group_watch *w, const drill_result *r, const aws_event *event)
{
    for (size_t i = 0; i < w->older_count; i++) {
        const aws_event *o = &w->older[i];
        if (o->at_ms == event->at_ms && strcmp(o->source, event->source) == 0 &&
            strcmp(o->message, event->message) == 0)
            return true;
    }
    for (size_t i = 0; i < r->event_count; i++) {
        const drill_event *o = &r->events[i];
        if (o->at_ms == event->at_ms && strcmp(o->source, event->source) == 0 &&
            strcmp(o->message, event->message) == 0)
            return true;
    }
    return false;
}

static void event_add(group_watch *w, drill_result *r, const aws_event *event)
{
    if (!r->events) r->events = arena_alloc(&r->memory, EVENTS_MAX * sizeof *r->events);
    if (r->event_count == EVENTS_MAX) return;
    w->seen |= 1U << group_event_of(event->source_type, event->message);
    r->events[r->event_count++] =
        (drill_event){.message = arena_text(&r->memory, span_text(event->message)),
                      .source = arena_text(&r->memory, span_text(event->source)),
                      .at_ms = event->at_ms,
                      .after_ms = (clock_ns() - w->began_ns) / NS_PER_MS};
}

bool group_look(group_watch *w, drill_result *r, err *e)
{
    const aws_event *all = NULL;
    size_t count = 0;
    if (clock_ns() - w->asked_ns < w->every_ms * NS_PER_MS) return true;
    if (!events_read(w, &all, &count, e)) return false;
    w->asked_ns = clock_ns();
    for (size_t i = 0; i < count; i++)
        if (!is_known(w, r, &all[i])) event_add(w, r, &all[i]);
    r->events_complete = group_is_over(w);
    return true;
}

bool group_is_over(const group_watch *w)
{
    return (w->seen & ((1U << GROUP_EVENT_COUNT) - 1)) == (1U << GROUP_EVENT_COUNT) - 1;
}

const char *group_primary_id(const aws_group *g)
{
    for (size_t i = 0; i < g->node_count; i++)
        if (strcmp(g->nodes[i].role, "primary") == 0) return g->nodes[i].id;
    return "";
}
