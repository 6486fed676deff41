#include "apply/target.h"

#include "apply/link.h"
#include "base/clock.h"

#define OPEN_TIMEOUT_MS 5000
#define CALL_TIMEOUT_MS 60000
/* No answer and no byte sent for so long: a server that is only busy loses nothing by being asked
 * again. */
#define SILENCE_MAX_MS 20000
#define OUT_MAX (1100 * MIB) /* one command of the stream may be as large as RESP_BULK_MAX */
#define IN_MAX (64 * MIB)

static bool id_read(span line, const char *name, span *ret)
{
    span part;
    while (span_cut(&line, ' ', &part)) {
        if (span_starts(part, name)) {
            *ret = span_tail(part, strlen(name));
            return true;
        }
    }
    return false;
}

/* Kills every connection of that name; tells how many there were. */
static bool predecessors_kill(engine *s, const char *name, size_t *ret_count, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *list = NULL;
    *ret_count = 0;
    if (!engine_ask(s, &memory, &list, e, "CLIENT", "LIST")) return false;
    span rest = list->text;
    span line;
    while (span_cut(&rest, '\n', &line)) {
        span id;
        span found;
        if (!id_read(line, "name=", &found) || !span_is(found, name)) continue;
        if (!id_read(line, "id=", &id)) continue;
        const span args[] = {span_text("CLIENT"), span_text("KILL"), span_text("ID"), id};
        const reply *killed = NULL;
        if (!engine_ask_spans(s, &memory, &killed, e, COUNT_OF(args), args)) return false;
        (*ret_count)++;
    }
    return true;
}

bool link_checkpoint_get(
    engine *target, const char *link_id, bool *ret_found, checkpoint *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    checkpoint_key key = checkpoint_key_of(link_id);
    const reply *r = NULL;
    if (!engine_ask(target, &memory, &r, e, "SELECT", "0")) return false;
    if (!engine_ask(target, &memory, &r, e, "GET", key.text)) return false;
    *ret_found = r->kind == REPLY_BULK;
    return !*ret_found || checkpoint_read(r->text, ret, e) || err_blame(e, SIDE_TARGET);
}

bool link_checkpoint_delete(engine *target, const char *link_id, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    checkpoint_key key = checkpoint_key_of(link_id);
    const reply *r = NULL;
    return engine_ask(target, &memory, &r, e, "SELECT", "0") &&
           engine_ask(target, &memory, &r, e, "DEL", key.text);
}

static bool target_prepare(engine *s, const char *link_id, bool *ret_found, checkpoint *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    char name[64];
    (void)snprintf(name, sizeof name, "handover-%s", link_id);
    size_t killed = 1;
    /* Again until a list shows none: a connection may have been accepted in between. */
    for (int i = 0; i < 10 && killed > 0; i++)
        if (!predecessors_kill(s, name, &killed, e)) return false;
    if (!engine_ask(s, &memory, &r, e, "CLIENT", "SETNAME", name)) return false;
    return link_checkpoint_get(s, link_id, ret_found, ret, e);
}

bool target_open(net_loop *l,
                 const engine_url *url,
                 const char *link_id,
                 target_conn *ret,
                 bool *ret_found,
                 checkpoint *ret_checkpoint,
                 err *e)
{
    engine_options o = {.url = url,
                        .side = SIDE_TARGET,
                        .timeout_ms = OPEN_TIMEOUT_MS,
                        .in_max = IN_MAX,
                        .out_max = OUT_MAX};
    engine *s = NULL;
    if (!engine_open(l, &o, &s, e)) return false;
    if (!target_prepare(s, link_id, ret_found, ret_checkpoint, e)) {
        engine_free(s);
        return err_wrap(e, "taking over the target");
    }
    engine_set_timeout(s, CALL_TIMEOUT_MS);
    *ret = (target_conn){.engine = s, .conn = engine_conn(s)};
    return true;
}

void target_close(target_conn *t)
{
    engine_free(t->engine);
    *t = (target_conn){0};
}

bool target_is_heard(const target_conn *t, err *e)
{
    if (clock_ns() - net_conn_moved_ns(t->conn) <= SILENCE_MAX_MS * NS_PER_MS) return true;
    err_set(e, ERR_TIMEOUT, "the target did not answer for %d s", SILENCE_MAX_MS / 1000);
    return err_blame(e, SIDE_TARGET);
}

bool target_select(target_conn *t, buf *out, unsigned db, bool *ret_sent)
{
    *ret_sent = t->db != db;
    if (!*ret_sent) return true;
    t->db = db;
    return resp_begin(out, 2) && resp_arg_text(out, "SELECT") && resp_arg_i64(out, db);
}

bool target_checkpoint(
    target_conn *t, buf *out, const char *key, const checkpoint *c, bool begin, size_t *ret_sent)
{
    bool selected = false;
    CLEANUP(buf_clear) buf value = buf_of(256);
    bool fits = checkpoint_write(c, &value);
    assert(fits);
    fits = target_select(t, out, 0, &selected) && resp_begin(out, begin ? 3 : 4) &&
           resp_arg_text(out, "SET") && resp_arg_text(out, key) &&
           resp_arg(out, buf_span(&value)) && (begin || resp_arg_text(out, "XX"));
    *ret_sent = selected ? 2 : 1;
    return fits;
}
