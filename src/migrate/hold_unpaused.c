/* Before 6.0: there are no users whose rights could be taken, and min-replicas-to-write lets
 * scripts write. REPLICAOF refuses all writers, scripts too, but closes the connections of replicas
 * with what they have not read: so nobody may write between the moment when the link holds
 * everything and the moment when it is executed. Both are in one CLIENT PAUSE:
 *
 * - The pause stops clients that are no replicas. MONITOR makes a connection count as one: on it
 *   all other connections are closed meanwhile. Who comes back waits behind ours.
 * - The pause ends in serverCron alone, which then serves those that wait in the order of their
 *   connecting (processUnblockedClients): ours is the first, and has REPLICAOF in its buffer.
 * - Before that serverCron may delete what has expired, and PING. This goes with the connection of
 *   the link, and is not wanted on the target either (protocol.md R18). Whether it was no more than
 *   that the source tells: nothing of it counts as a change, every write does.
 *
 * redis/redis@5.0.6 and 3.2.9: src/networking.c (processInputBuffer, clientsArePaused),
 * src/server.c (serverCron, beforeSleep), src/replication.c (monitorCommand). A SLAVEOF on the
 * connection of MONITOR itself is refused from 5.0 on. */
#include "base/clock.h"
#include "migrate/changes.h"
#include "migrate/facts.h"
#include "migrate/hold_internal.h"

#define ANSWER_MS 1000
#define PING_BYTES                                                                                 \
    14 /* *1 $4 PING: every ten seconds, and no command that writes is that short                  \
        */

/* What MONITOR shows stands between the answers: "+1700000000.123456 [0 ...] ...". */
static bool is_shown(const reply *r)
{
    return r->kind == REPLY_STATUS && r->text.size > 0 && r->text.at[0] >= '0' &&
           r->text.at[0] <= '9';
}

/* Sends `commands` and reads the first answer; without commands, the next one. */
static bool channel_next(engine *channel, span commands, arena *memory, const reply **ret, err *e)
{
    do {
        if (!engine_pipeline(channel, memory, commands, 1, ret, e)) return false;
        commands = (span){0};
    } while (is_shown(*ret));
    if (!reply_is_error(*ret)) return true;
    err_set(e, ERR_REFUSED, "the source answered: %s", reply_show((*ret)->text).text);
    return err_blame(e, SIDE_SOURCE);
}

static bool
channel_ask(engine *channel, const hold_act *act, arena *memory, const reply **ret, err *e)
{
    CLEANUP(buf_clear) buf out = buf_of(4 * KIB);
    bool fits = resp_texts(&out, act->count, act->args);
    assert(fits);
    return channel_next(channel, buf_span(&out), memory, ret, e);
}

/* One line of CLIENT LIST. Replicas, masters and monitors go on; so do connections of ours. */
static span id_to_close(span line)
{
    span word = {0};
    span id = {0};
    while (span_cut(&line, ' ', &word)) {
        if (span_starts(word, "id=")) id = span_tail(word, 3);
        if (span_is(word, "name=" MOVE_CONTROL_NAME)) return (span){0};
        if (!span_starts(word, "flags=")) continue;
        for (size_t i = 6; i < word.size; i++)
            if (strchr("SMO", word.at[i])) return (span){0};
    }
    return id;
}

static bool others_close(engine *channel, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(16 * MIB);
    const hold_act list = {2, {"CLIENT", "LIST"}};
    const reply *r = NULL;
    size_t count = 0;
    span line = {0};
    if (!channel_ask(channel, &list, &memory, &r, e)) return false;
    span rest = r->text;
    while (span_cut(&rest, '\n', &line)) {
        const span args[] = {span_text("CLIENT"), span_text("KILL"), span_text("ID"),
                             id_to_close(line)};
        if (args[3].size == 0) continue;
        if (!resp_spans(&out, COUNT_OF(args), args))
            return err_set(e, ERR_LIMIT, "the clients in CLIENT LIST");
        count++;
    }
    for (span commands = buf_span(&out); count > 0; count--, commands = (span){0})
        if (!channel_next(channel, commands, &memory, &r, e)) return false;
    return true;
}

/* How far the source is: the offset, and the changes it has counted since it last saved. */
typedef struct {
    uint64_t offset, changes, saved_s;
} mark;

static bool mark_read(span info, mark *ret, err *e)
{
    return hold_offset_in(info, &ret->offset, e) &&
           ((info_u64(info, "rdb_changes_since_last_save", &ret->changes) &&
             info_u64(info, "rdb_last_save_time", &ret->saved_s)) ||
            err_set(e, ERR_FORMAT, "INFO of the source does not count its changes"));
}

static bool channel_open(move *m, engine **ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const hold_act monitor = {1, {"MONITOR"}};
    const reply *r = NULL;
    engine_options o = {.url = &m->source_url,
                        .side = SIDE_SOURCE,
                        .name = MOVE_CONTROL_NAME,
                        .timeout_ms = ANSWER_MS};
    if (!engine_open(m->loop, &o, ret, e)) return false;
    if (channel_ask(*ret, &monitor, &memory, &r, e)) return true;
    engine_free(*ret);
    *ret = NULL;
    return false;
}

/* The fence is a replica that takes no writes; MONITOR is tried, for a moment. */
static bool unpaused_check(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span value = {0};
    engine *channel = NULL;
    if (!engine_config(m->source, &memory, "slave-read-only", &value, e))
        return err_hint(e, "before 6.0 writes are fenced with REPLICAOF, which needs to know it");
    if (span_is(value, "yes")) {
        bool opened = channel_open(m, &channel, e);
        engine_free(channel);
        return opened || err_hint(e, "before 6.0 the fence needs MONITOR under its own name: take "
                                     "'rename-command MONITOR' out of its configuration");
    }
    err_set(e, ERR_STATE, "slave-read-only of the source is '%s': nothing would refuse writes",
            span_show(value).text);
    err_blame(e, SIDE_SOURCE);
    return err_hint(e, "set it there: CONFIG SET slave-read-only yes");
}

static bool unpaused_plan(move *m, err *e)
{
    return change_plan_once(m, CHANGE_FENCE, NULL, e);
}

/* The offset is read behind EXEC, which is in the stream as well, and when nobody is left. */
static bool unpaused_begin(move *m, uint64_t *ret_offset, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const hold_act acts[] = {{3, {"CLIENT", "PAUSE", HOLD_PAUSE_TEXT}}, HOLD_ACT_INFO};
    const hold_act info = {1, {"INFO"}};
    const reply *r = NULL;
    engine *channel = NULL;
    mark now = {0};
    if (!channel_open(m, &channel, e)) return false;
    bool done = hold_act_and_read(m, acts, COUNT_OF(acts), ret_offset, e) &&
                others_close(channel, e) && channel_ask(channel, &info, &memory, &r, e) &&
                mark_read(r->text, &now, e);
    engine_free(channel);
    m->paused_changes = now.changes;
    m->paused_saved_s = now.saved_s;
    if (done) *ret_offset = now.offset;
    return done;
}

/* Both commands wait in the connection's buffer for the end of the pause. Had they come late, and
 * somebody written before them, the drain to the offset would miss: the link is cut off. */
static bool unpaused_fence(move *m, uint64_t *ret_offset, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(4 * KIB);
    const hold_act acts[] = {{3, {"SLAVEOF", HOLD_FENCE_HOST, HOLD_FENCE_PORT_TEXT}},
                             {1, {"INFO"}}};
    const reply *r[COUNT_OF(acts)];
    mark now = {0};
    bool fits = true;
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        fits = fits && resp_texts(&out, acts[i].count, acts[i].args);
    assert(fits);
    if (!engine_pipeline(m->source, &memory, buf_span(&out), COUNT_OF(acts), r, e)) return false;
    if (reply_is_error(r[0])) {
        err_set(e, ERR_REFUSED, "the source answered SLAVEOF with: %s",
                reply_show(r[0]->text).text);
        return err_blame(e, SIDE_SOURCE);
    }
    if (!mark_read(r[1]->text, &now, e)) return false;
    if (now.changes != m->paused_changes || now.saved_s != m->paused_saved_s)
        *ret_offset = now.offset;
    return true;
}

const hold_ops hold_by_unpaused = {.check = unpaused_check,
                                   .plan = unpaused_plan,
                                   .begin = unpaused_begin,
                                   .fence = unpaused_fence};
