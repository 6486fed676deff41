#include "migrate/watchdog.h"

#include "base/clock.h"

#define LATELY_NS (2 * NS_PER_S)

void watchdog_init(watchdog *w, int64_t now_ns)
{
    *w = (watchdog){.applied_ns = now_ns, .received_ns = now_ns, .worked_ns = now_ns - LATELY_NS};
}

static bool held(const link_status *s)
{
    return s->phase == LINK_PAUSED || s->phase == LINK_STOPPED || s->trouble.kind ||
           s->receiver.trouble.kind || s->throttle.reason == THROTTLE_FILE ||
           s->throttle.reason == THROTTLE_MEMORY;
}

/* What moved since the last look, and when. A new generation counts from the start. */
static void moves_note(watchdog *w, const link_status *s, int64_t now_ns)
{
    uint64_t applied =
        s->progress.applied_offset + s->progress.snapshot_bytes + s->progress.reconciled;
    uint64_t received = s->receiver.bytes;
    if (applied != w->applied) w->applied_ns = now_ns;
    if (received != w->received) w->received_ns = now_ns;
    if (s->progress.commands != w->commands || s->progress.snapshot_keys != w->keys)
        w->worked_ns = now_ns;
    w->applied = applied;
    w->received = received;
    w->commands = s->progress.commands;
    w->keys = s->progress.snapshot_keys;
}

/* Bytes that are here and not on the target. */
static uint64_t waiting_here(const link_status *s)
{
    if (s->phase == LINK_STREAM) return s->lag_bytes;
    uint64_t applied = s->progress.snapshot_bytes;
    return s->phase == LINK_SNAPSHOT && s->snapshot.end > applied ? s->snapshot.end - applied : 0;
}

void watchdog_look(watchdog *w, const link_status *s, uint64_t source_offset, int64_t now_ns)
{
    moves_note(w, s, now_ns);
    uint64_t here = waiting_here(s);
    bool ahead = s->phase == LINK_STREAM && source_offset > s->stream.end;
    uint64_t there = ahead ? source_offset - s->stream.end : 0;
    /* Nothing that waits can have stood for longer than it waits. */
    if (here == 0 || held(s)) w->applied_ns = now_ns;
    bool silent = now_ns - w->received_ns >= WATCHDOG_STALL_NS;
    /* A source pings every ten seconds (repl-ping-replica-period): twice that long is silence. */
    bool gone = now_ns - w->received_ns >= 2 * WATCHDOG_STALL_NS + LATELY_NS;
    bool reading = !s->receiver.full && s->receiver.state != RECEIVER_CONNECTING;
    w->side = SIDE_NONE;
    w->waiting = 0;
    w->activity = now_ns - w->worked_ns < LATELY_NS || here > 0 ? ACTIVITY_MOVING : ACTIVITY_IDLE;
    if (s->phase == LINK_WAITING || s->phase == LINK_CONNECTING) w->activity = ACTIVITY_WAITING;
    if (held(s)) {
        w->activity = ACTIVITY_HELD;
    } else if (here > 0 && now_ns - w->applied_ns >= WATCHDOG_STALL_NS) {
        w->activity = ACTIVITY_STALLED;
        w->side = SIDE_TARGET;
        w->waiting = here;
    } else if (reading && ((silent && there > 0) || gone)) {
        w->activity = ACTIVITY_STALLED;
        w->side = SIDE_SOURCE;
        w->waiting = there;
    }
}

const char *watchdog_name(link_activity activity)
{
    static const char *const names[] = {"idle", "moving", "waiting", "held", "stalled"};
    return names[activity];
}

watchdog_text watchdog_show(const watchdog *w, int64_t now_ns)
{
    watchdog_text out = {0};
    if (w->activity != ACTIVITY_STALLED) return out;
    bool source = w->side == SIDE_SOURCE;
    int64_t since_ns = now_ns - (source ? w->received_ns : w->applied_ns);
    (void)snprintf(out.text, sizeof out.text,
                   "stalled: nothing was %s for %" PRId64 " s, %" PRIu64 " bytes wait there",
                   source ? "received from the source" : "applied by the target",
                   since_ns / NS_PER_S, w->waiting);
    return out;
}
