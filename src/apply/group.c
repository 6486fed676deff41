#include "apply/group.h"

#include "base/mem.h"

void group_clear(group *g)
{
    buf_clear(&g->bytes);
    free(g->commands);
    *g = (group){0};
}

void group_reset(group *g)
{
    g->bytes.size = 0;
    buf_shrink(&g->bytes, 4 * GROUP_BYTES_MAX);
    g->bytes.max = RESP_BULK_MAX + GROUP_BYTES_MAX;
    g->count = g->selects = g->extra = g->dropped = g->asides = g->answers = 0;
    g->executing = g->flushes = g->closed = false;
    g->copy_ticket = 0;
    g->nesting = (reply_nesting){0};
    g->queue_error[0] = '\0';
}

static void command_note(group *g, unsigned db, bool must_change)
{
    if (g->count == g->room) {
        g->room = size_max(GROUP_COMMANDS_MAX + 16, g->room * 2);
        g->commands = mem_realloc(g->commands, g->room * sizeof *g->commands);
    }
    g->commands[g->count++] =
        (group_command){.at = g->bytes.size, .db = db, .must_change = must_change};
}

static bool too_large(err *e)
{
    return err_set(e, ERR_LIMIT, "a transaction larger than %zu bytes", RESP_BULK_MAX);
}

/* The database first; the SELECT is a queued command like any other. */
static bool select_add(group *g, target_conn *t, unsigned db)
{
    if (t->db == db) return true;
    command_note(g, db, false);
    g->selects++;
    bool selected = false;
    return target_select(t, &g->bytes, db, &selected);
}

bool group_add(group *g, target_conn *t, unsigned db, bool must_change, span wire, err *e)
{
    if (!select_add(g, t, db)) return too_large(e);
    command_note(g, db, must_change);
    return buf_append(&g->bytes, wire) || too_large(e);
}

bool group_add_spans(
    group *g, target_conn *t, unsigned db, bool must_change, size_t count, const span *args, err *e)
{
    if (!select_add(g, t, db)) return too_large(e);
    command_note(g, db, must_change);
    return resp_spans(&g->bytes, count, args) || too_large(e);
}

group_place group_tell(const group *g, const target_conn *t)
{
    return (group_place){.size = g->bytes.size,
                         .count = g->count,
                         .selects = g->selects,
                         .dropped = g->dropped,
                         .target_db = t->db};
}

void group_back(group *g, target_conn *t, group_place p)
{
    g->bytes.size = p.size;
    g->count = p.count;
    g->selects = p.selects;
    g->dropped = p.dropped;
    t->db = p.target_db;
}

bool group_send(group *g, apply_context *x, uint64_t generation, err *e)
{
    checkpoint c = {.generation = generation, .offset = g->end, .db = g->db};
    buf *out = net_conn_out(x->target.conn);
    bool fits = resp_begin(out, 1) && resp_arg_text(out, "MULTI") &&
                buf_append(out, buf_span(&g->bytes)) &&
                target_checkpoint(&x->target, out, x->key.text, &c, g->flushes, &g->extra) &&
                resp_begin(out, 1) && resp_arg_text(out, "EXEC");
    if (!fits) return too_large(e);
    g->answers = 0;
    g->executing = false;
    return true;
}

/* The name of queued command i; behind the group's own stand those of its checkpoint. */
static shown command_show(const group *g, size_t i)
{
    if (i >= g->count) return span_show(span_text("(checkpoint)"));
    resp_command c = {0};
    size_t size = 0;
    err ignored;
    span bytes = span_tail(buf_span(&g->bytes), g->commands[i].at);
    shown out = {0};
    if (resp_command_read(&c, bytes, 0, &size, &ignored) == STEP_DONE)
        out = span_show(resp_command_arg(&c, bytes.at, 0));
    resp_command_clear(&c);
    return out;
}

/* The key of command i, for the repair list. */
static void incident_add(const group *g, apply_context *x, size_t i, const char *what, span answer)
{
    resp_command c = {0};
    size_t size = 0;
    err ignored;
    span bytes = span_tail(buf_span(&g->bytes), g->commands[i].at);
    link_incident incident = {.db = g->commands[i].db, .offset = g->end, .diverged = true};
    if (resp_command_read(&c, bytes, 0, &size, &ignored) == STEP_DONE && c.arg_count > 1)
        incident.key = resp_command_arg(&c, bytes.at, 1);
    (void)snprintf(incident.reason, sizeof incident.reason, "%s %s%s", command_show(g, i).text,
                   what, span_show(answer).text);
    (void)snprintf(incident.type, sizeof incident.type, "unknown");
    link_shared_incident(x->shared, &incident);
    resp_command_clear(&c);
}

/* A refusal before EXEC: nothing of the group ran. */
static step refused(group *g, apply_context *x, span answer, err *e)
{
    shown answered = span_show(answer);
    const char *text = g->queue_error[0] ? g->queue_error : answered.text;
    bool passing = refusal_is_passing(span_text(text));
    x->fatal = !passing;
    (void)err_set(e, ERR_REFUSED, "the target refused the stream up to offset %" PRIu64 ": %s",
                  g->end, text);
    (void)err_blame(e, SIDE_TARGET);
    if (!passing) (void)err_hint(e, "nothing of it was applied; settle the cause and run again");
    return STEP_BAD;
}

static step queued_read(group *g, apply_context *x, const reply_token *t, err *e)
{
    size_t queued = g->count + g->extra;
    bool exec = g->answers == queued + 1;
    g->answers++;
    if (!exec) {
        if (t->kind == REPLY_ERROR && !g->queue_error[0]) {
            (void)snprintf(g->queue_error, sizeof g->queue_error, "%s: %s", span_show(t->text).text,
                           g->answers >= 2 ? command_show(g, g->answers - 2).text : "MULTI");
        }
        return STEP_MORE;
    }
    if (t->kind == REPLY_ERROR || g->queue_error[0]) return refused(g, x, t->text, e);
    if (t->kind != REPLY_ARRAY || t->count != queued) {
        return err_at(e, ERR_FORMAT, g->end, "EXEC answered %zu items for %zu commands", t->count,
                      queued);
    }
    bool complete = false;
    g->executing = true;
    g->answers = 0;
    return reply_nesting_step(&g->nesting, t, &complete, e) == STEP_BAD ? STEP_BAD : STEP_MORE;
}

/* An error inside an EXEC that ran: its checkpoint moved, the sides differ in one key (R7). When it
 * is the checkpoint's own, everything before it was applied: again would be twice. */
static step failed_inside(const group *g, apply_context *x, size_t i, span answer, err *e)
{
    if (i < g->count) incident_add(g, x, i, "answered: ", answer);
    x->fatal = true;
    (void)err_set(e, ERR_STATE,
                  "the target answered '%s' to %s before offset %" PRIu64
                  ": source and target differ there",
                  span_show(answer).text, command_show(g, i).text, g->end);
    (void)err_hint(e, "find out with 'handover verify'; then run again with a new work directory "
                      "and '--target-policy replace'");
    (void)err_blame(e, SIDE_TARGET);
    return STEP_BAD;
}

/* The checkpoint is only ever overwritten: a target that was emptied meanwhile has none, and gets
 * none that would hide it. */
static step checkpoint_gone(err *e)
{
    (void)err_set(e, ERR_STATE, "the target's checkpoint is gone");
    return STEP_BAD;
}

/* A value that the target does not take is the asking side's matter; the stream goes on. */
static void copy_refused(link_shared *s, const group *g, size_t item, span answer)
{
    pthread_mutex_lock(&s->lock);
    if (s->copy.ticket == g->copy_ticket && item < s->copy.count && !s->copy.items[item].refused) {
        s->copy.items[item].refused = true;
        (void)snprintf(s->copy.items[item].text, sizeof s->copy.items[item].text, "%.200s",
                       span_show(answer).text);
    }
    pthread_mutex_unlock(&s->lock);
}

static step executed_read(group *g, apply_context *x, const reply_token *t, err *e)
{
    size_t i = g->answers;
    bool element = g->nesting.depth == 1; /* else it is deeper inside an answer */
    bool complete = false;
    if (reply_nesting_step(&g->nesting, t, &complete, e) == STEP_BAD) return STEP_BAD;
    if (element) {
        g->answers++;
        bool ours = i >= g->count; /* the checkpoint's SELECT and SET */
        if (g->answers == g->count + g->extra && t->kind == REPLY_NIL) return checkpoint_gone(e);
        if (t->kind == REPLY_ERROR && !ours && g->commands[i].copy) {
            copy_refused(x->shared, g, g->commands[i].copy - 1, t->text);
        } else if (t->kind == REPLY_ERROR) {
            return failed_inside(g, x, i, t->text, e);
        }
        if (!ours && g->commands[i].must_change && t->kind == REPLY_INTEGER && t->integer == 0)
            incident_add(g, x, i, "changed nothing here, but did on the source", (span){0});
    }
    return complete ? STEP_DONE : STEP_MORE;
}

step group_answers_read(group *g, apply_context *x, err *e)
{
    cursor in = cursor_of(net_conn_in(x->target.conn));
    const uint8_t *start = in.at;
    step s = STEP_MORE;
    while (s == STEP_MORE) {
        reply_token t;
        step got = reply_token_read(&in, &t, e);
        if (got == STEP_MORE) break;
        if (got == STEP_BAD) {
            s = STEP_BAD;
        } else {
            s = g->executing ? executed_read(g, x, &t, e) : queued_read(g, x, &t, e);
        }
    }
    net_conn_eat(x->target.conn, (size_t)(in.at - start));
    return s;
}
