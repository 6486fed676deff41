/* drill/drill.h: does this application follow a failover? Clients of ours and of the user's write
 * to one endpoint, a failover happens, and what each of them met and lost is measured.
 *
 * Ours are the canaries: six ways to write, each a thread with a connection of its own. The user's
 * are commands that say what they wrote (drill/line.h, docs/drill.md). Every write is a key of its
 * own under DRILL_PREFIX, with an expiry; after the failover they are read back from the new
 * primary, and removed. What was acknowledged and is not there was lost.
 *
 * The failover is ElastiCache's TestFailover when a replication group is given, else the user's
 * own: then the drill waits for it. */
#pragma once
#include <signal.h>

#include "aws/elasticache.h"
#include "drill/failure.h"
#include "engine/url.h"
#include "report/report.h"

#define DRILL_PREFIX "handover:drill:"
#define DRILL_NAME "handover-drill" /* of our connections, in CLIENT LIST */
#define DRILL_COMMANDS_MAX ((size_t)32)
#define DRILL_KEY_EXPIRY_S 3600 /* of what a killed drill leaves behind */

typedef struct {
    const engine_url *url;
    struct aws_session *session; /* with a group */
    const char *group;           /* NULL: the user causes the failover */
    bool is_near;                /* the API is on this machine: it may be asked often */
    const char *const *commands; /* of the user's own, for the shell */
    size_t command_count;
    int64_t duration_ms; /* the longest after the failover began */
    const volatile sig_atomic_t *stop;
} drill_options;

typedef struct {
    const char *name;    /* "one by one"; of a command: itself, or the library it named */
    const char *command; /* NULL: a canary */
    const char *library; /* what it named; "" */
    const char *version;
    bool is_witness; /* a canary that shows a weakness of clients: it does not decide the result */
    bool followed;   /* its last writes are on the new primary */
    bool ended;      /* the command ended before it was told to */
    uint64_t acknowledged, lost;
    int64_t stalled_ms; /* the longest time without an acknowledged write */
    int64_t astray_ms;  /* from the failover until its last write that was lost; 0: none was */
    uint64_t failures[FAILURE_COUNT];
    const char *examples[FAILURE_COUNT]; /* the first text of each kind; "" */
    const char *advice;                  /* what to set; "" when it followed and lost nothing */
} drill_client;

typedef struct {
    const char *message;
    const char *source;
    int64_t at_ms;    /* as the service dates it; whole seconds */
    int64_t after_ms; /* when it was seen here, since the failover was asked for */
} drill_event;

/* Connections of one kind that were on the old primary before, other than the drill's. */
typedef struct {
    const char *address, *name, *library, *version, *user;
    size_t before, stayed, now; /* on the old one before, there afterwards, on the new one */
    const char *advice;
} drill_connections;

typedef struct {
    arena memory;
    const char *target;
    const char *group;       /* "" without one */
    const char *old_primary; /* addresses, or names of nodes */
    const char *new_primary; /* "": none was seen */
    const char *began_at;    /* ISO 8601 */
    int64_t moved_ms;        /* until the endpoint led to the new primary; -1: it never did */
    bool old_answers;        /* the old primary still answers who is connected */
    drill_client *clients;
    size_t client_count;
    drill_event *events;
    size_t event_count;
    bool events_complete;
    drill_connections *connections;
    size_t connection_count;
} drill_result;

/* May this group be failed over now? ERR_STATE with what to do when it may not: no replica, no
 * automatic failover, not available, cluster mode. Pure. */
bool drill_group_check(const aws_group *g, err *e) MUST_CHECK;

/* ERR_STOPPED when asked to stop; keys and processes are gone then too. */
bool drill_run(const drill_options *o, drill_result *ret, err *e) MUST_CHECK;
void drill_result_clear(drill_result *r);
/* Clients that did not follow, without the witnesses. */
size_t drill_left_behind(const drill_result *r);

report *drill_report(const drill_result *r);
/* The caller frees it. */
char *drill_json(const drill_result *r);
