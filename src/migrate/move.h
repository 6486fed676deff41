/* migrate/move.h: one move in the hands of the process that runs it. */
#pragma once
#include <pthread.h>

#include "engine/info.h"
#include "migrate/load.h"
#include "migrate/migrate.h"
#include "migrate/watchdog.h"

#define CONTROL_TIMEOUT_MS 10000
#define MOVE_CONTROL_NAME "handover-control" /* our connections, in CLIENT LIST */

/* What another terminal wants. One at a time; the asker waits for the answer. */
typedef enum {
    ORDER_NONE,
    ORDER_PAUSE,
    ORDER_RESUME,
    ORDER_THROTTLE, /* done at once, by whoever receives it */
    ORDER_RETRY,    /* of keys in the quarantine */
    ORDER_COPY,     /* of keys by name */
    ORDER_CUTOVER,
    ORDER_ABORT
} order_kind;

typedef struct {
    order_kind kind;
    cutover_order cutover;
    throttle_limits throttle;
    struct json_t *list; /* of ids or keys; borrowed */
    uint64_t refused;    /* an answer: keys that stay in the quarantine */
    bool done;
    bool good;
    char *text; /* the answer for people */
    err trouble;
} move_order;

typedef struct {
    const migrate_options *options;
    struct journal *journal;
    char link_id[LINK_ID_SIZE + 1];
    net_loop *loop;
    engine *source; /* control connections; NULL: open again when needed */
    engine *target;
    uint64_t paused_changes; /* that the source had counted in a hold, before 6.0 */
    uint64_t paused_saved_s; /* since then */
    sync_link *link;
    link_status last;       /* of the link, also when it is stopped */
    int64_t source_skew_ms; /* its clock minus ours, at the start of this run */
    int64_t target_skew_ms;
    engine_version source_version;
    engine_version target_version;
    engine_url source_url; /* ours, with the passwords */
    engine_url target_url;
    engine_url replica_url; /* the link goes there; host NULL: to the source */
    char attach_why[320];
    char *source_text; /* for people */
    char *target_text;
    load_source load; /* when the source is a file */
    char *hooks;      /* a directory; NULL: none */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    move_order *waiting; /* an order not yet taken */
    bool over;           /* no order will be taken any more */

    /* Read by the status under the lock. */
    double keys_per_s, commands_per_s, bytes_per_s;
    double eta_s; /* -1: unknown */
    bool verifying;
    uint64_t source_offset; /* as the source said lately */
    uint64_t relay_offset;  /* what a replica must relay */
    int64_t relay_ns;       /* the source had written it then; 0: relayed */
    bool relay_missed;      /* a cutover was missed because of the replica */
    throttle_limits limits;
    watchdog watchdog;
} move;

/* Opens a control connection when there is none (or the last one died). */
bool move_source(move *m, err *e) MUST_CHECK;
bool move_target(move *m, err *e) MUST_CHECK;
void move_drop_connections(move *m);
/* Stops the link, if there is one; a status asked for meanwhile shows the last that was known. */
void move_link_stop(move *m);

/* Settings, servers and versions from options and journal; no thread runs yet. `create`: a new
 * move may begin. */
bool move_open(move *m, const migrate_options *o, bool create, err *e) MUST_CHECK;
void move_close(move *m);

/* Refuses what needs a running source. `what`: "there is no cutover". */
bool move_needs_server(const move *m, const char *what, err *e) MUST_CHECK;
bool move_enter(move *m, journal_state state, const char *reason, err *e) MUST_CHECK;
bool move_state(move *m, journal_state *ret, err *e) MUST_CHECK;
