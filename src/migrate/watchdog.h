/* migrate/watchdog.h: whether the link moves, has nothing to do, or stands although there is work.
 * Pure: fed with what the link says of itself, at a time that is handed in.
 *
 * A quiet source still pings, so bytes arrive and are dropped: that is idle. Stalled is only what
 * waits and does not move, and nobody has asked it to stand. */
#pragma once
#include "apply/link.h"

#define WATCHDOG_STALL_NS (INT64_C(10) * 1000 * 1000 * 1000)

typedef enum {
    ACTIVITY_IDLE,    /* everything is applied */
    ACTIVITY_MOVING,  /* something was applied lately */
    ACTIVITY_WAITING, /* for the source's snapshot */
    ACTIVITY_HELD,    /* by a pause, a limit, or a trouble that the reason names */
    ACTIVITY_STALLED,
    ACTIVITY_COUNT
} link_activity;

typedef struct {
    link_activity activity;
    err_side side;                              /* that stalls */
    uint64_t keys, commands, applied, received; /* as last seen */
    int64_t applied_ns;                         /* when something was applied last */
    int64_t received_ns;                        /* when something was received last */
    int64_t worked_ns;                          /* when a key or command was applied last */
    uint64_t waiting;                           /* bytes */
} watchdog;

void watchdog_init(watchdog *w, int64_t now_ns);
/* `source_offset`: what the source says it has written; 0: not known just now. */
void watchdog_look(watchdog *w, const link_status *s, uint64_t source_offset, int64_t now_ns);
const char *watchdog_name(link_activity activity); /* "stalled" */
/* One clause for people; empty unless it stalls. */
typedef struct {
    char text[160];
} watchdog_text;
watchdog_text watchdog_show(const watchdog *w, int64_t now_ns);
