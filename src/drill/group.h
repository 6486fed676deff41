/* drill/group.h: the replication group of a drill: its failover and the events of it. Source:
 * docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html, "Testing automatic failover".
 */
#pragma once
#include "drill/drill.h"

#define GROUP_EVENT_COUNT 5 /* of one failover, in this order */

typedef enum {
    GROUP_EVENT_CALLED,
    GROUP_EVENT_NODE_DONE,
    GROUP_EVENT_GROUP_DONE,
    GROUP_EVENT_RECOVERING,
    GROUP_EVENT_RECOVERED,
    GROUP_EVENT_OTHER
} group_event;

/* Which of the five a message is. Pure. */
group_event group_event_of(const char *source_type, const char *message);

typedef struct {
    struct aws_session *session;
    const char *id;
    aws_group before; /* in `memory` */
    int64_t began_wall_ms;
    int64_t began_ns;
    int64_t asked_ns;       /* when the events were read last */
    const aws_event *older; /* events of before the failover, as far as their dates do not tell */
    size_t older_count;
    unsigned seen; /* bits 1 << group_event */
    int64_t every_ms;
    arena *memory;
} group_watch;

/* Reads the group as it is now and checks it. */
bool group_begin(group_watch *w, const drill_options *o, arena *memory, err *e) MUST_CHECK;
/* TestFailover. */
bool group_failover(group_watch *w, err *e) MUST_CHECK;
/* Reads the events when it is time for that; they are added to the result. */
bool group_look(group_watch *w, drill_result *r, err *e) MUST_CHECK;
bool group_is_over(const group_watch *w);                           /* all five were seen */
bool group_read(group_watch *w, aws_group *ret, err *e) MUST_CHECK; /* as it is now */
const char *group_primary_id(const aws_group *g);                   /* "" when it does not tell */
