#include "migrate/hold.h"

#include "migrate/changes.h"
#include "migrate/facts.h"

#define COMMANDS_MAX (HOLD_USERS_MAX + 2)

typedef struct {
    size_t count;
    const char *args[4];
} act;

static const act info = {2, {"INFO", "replication"}};

bool hold_is_old(const move *m)
{
    const engine_version *v = &m->source_version;
    return v->major > 0 && !engine_version_at_least(v, 6, 2);
}

/* The offset in the INFO of an EXEC whose every command succeeded. */
static bool offset_in_exec(const reply *exec, size_t count, uint64_t *ret, err *e)
{
    const reply *told = exec;
    bool found = false;
    bool good = exec->kind == REPLY_ARRAY && exec->count == count;
    for (size_t i = 0; good && i < count; i++) {
        told = &exec->items[i];
        good = !reply_is_error(told);
        if (good && told->kind == REPLY_BULK)
            found = found || info_u64(told->text, "master_repl_offset", ret);
    }
    if (good && found) return true;
    err_set(e, ERR_REFUSED, "the source answered: %s", reply_show(told->text).text);
    return err_blame(e, SIDE_SOURCE);
}

/* MULTI; the commands, INFO replication among them; EXEC, in one go. */
static bool act_and_read(move *m, const act *acts, size_t count, uint64_t *ret, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(MIB);
    static const char *const multi[] = {"MULTI"};
    static const char *const exec[] = {"EXEC"};
    assert(count <= COMMANDS_MAX);
    const reply **answers = arena_alloc(&memory, (count + 2) * sizeof(const reply *));
    bool fits = resp_texts(&out, 1, multi);
    for (size_t i = 0; i < count; i++)
        fits = fits && resp_texts(&out, acts[i].count, acts[i].args);
    if (!fits || !resp_texts(&out, 1, exec)) return err_set(e, ERR_LIMIT, "the users' names");
    return engine_pipeline(m->source, &memory, buf_span(&out), count + 2, answers, e) &&
           offset_in_exec(answers[count + 1], count, ret, e);
}

/* --- before 6.2: the users' right to write --------------------------------------------------- */

/* "user NAME on #HASH ~* +@all -@dangerous" -> "NAME +@all -@dangerous": what an ACL SETUSER sets
 * the same commands with again. No password gets into it. */
static char *rules_of(span line, arena *memory)
{
    CLEANUP(buf_clear) buf out = buf_of(MIB);
    span word = {0};
    bool fits = span_cut(&line, ' ', &word) && span_is(word, "user") &&
                span_cut(&line, ' ', &word) && buf_append(&out, word);
    while (fits && span_cut(&line, ' ', &word)) {
        bool is_rule = span_starts(word, "+") || span_starts(word, "-");
        fits = !is_rule || (buf_u8(&out, ' ') && buf_append(&out, word));
    }
    return fits ? arena_text(memory, buf_span(&out)) : NULL;
}

static bool users_read(move *m, arena *memory, const reply **ret, err *e)
{
    if (!engine_ask(m->source, memory, ret, e, "ACL", "LIST")) return false;
    if ((*ret)->kind == REPLY_ARRAY && (*ret)->count > 0 && (*ret)->count <= HOLD_USERS_MAX)
        return true;
    (void)err_set(e, ERR_LIMIT, "ACL LIST of the source: no users, or more than %zu",
                  HOLD_USERS_MAX);
    return err_blame(e, SIDE_SOURCE);
}

static bool users_plan(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *users = NULL;
    bool planned = false;
    int64_t id = 0;
    if (!change_is_open(m, CHANGE_SOURCE_USERS, &planned, e)) return false;
    if (planned) return true;
    if (!users_read(m, &memory, &users, e)) return false;
    for (size_t i = 0; i < users->count; i++) {
        const char *rules = rules_of(users->items[i].text, &memory);
        if (!rules) return err_set(e, ERR_FORMAT, "ACL LIST of the source cannot be understood");
        if (!change_plan(m, CHANGE_SOURCE_USERS, rules, &id, e)) return false;
    }
    return true;
}

bool hold_user_undo(engine *source, const char *argument, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    span rest = span_text(argument);
    span word = {0};
    size_t count = 2;
    size_t room = 3;
    for (size_t i = 0; i < rest.size; i++)
        room += rest.at[i] == ' ';
    span *args = arena_alloc(&memory, room * sizeof *args);
    args[0] = span_text("ACL");
    args[1] = span_text("SETUSER");
    while (span_cut(&rest, ' ', &word))
        args[count++] = word;
    return engine_ask_spans(source, &memory, &r, e, count, args);
}

/* Exactly those whose undo stands in the journal. */
static bool users_fence(move *m, uint64_t *ret_offset, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct journal_change *open = NULL;
    size_t open_count = 0;
    size_t count = 0;
    if (!journal_changes_open(m->journal, &memory, &open, &open_count, e)) return false;
    act *acts = arena_alloc(&memory, (open_count + 2) * sizeof *acts);
    acts[count++] = (act){3, {"CLIENT", "PAUSE", HOLD_OLD_PAUSE_TEXT}};
    for (size_t i = 0; i < open_count; i++) {
        if (!change_is(&open[i], CHANGE_SOURCE_USERS)) continue;
        span name = {0};
        span rest = span_text(open[i].undo_argument);
        if (!span_cut(&rest, ' ', &name) || count > HOLD_USERS_MAX)
            return err_set(e, ERR_LIMIT, "users in the journal: none, or too many");
        acts[count++] = (act){4, {"ACL", "SETUSER", arena_text(&memory, name), "-@write"}};
    }
    acts[count++] = info;
    return act_and_read(m, acts, count, ret_offset, e);
}

/* --- both ------------------------------------------------------------------------------------ */

bool hold_check(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *users = NULL;
    if (!hold_is_old(m) || users_read(m, &memory, &users, e)) return true;
    return err_hint(e, "before 6.2 writes are fenced by the users' rights: give the user of the "
                       "source +acl|list +acl|setuser");
}

bool hold_plan(move *m, err *e)
{
    if (hold_is_old(m)) return users_plan(m, e);
    return change_plan_once(m, CHANGE_PAUSE, NULL, e) && change_plan_once(m, CHANGE_FENCE, NULL, e);
}

bool hold_begin(move *m, uint64_t *ret_offset, err *e)
{
    char ms[24];
    (void)snprintf(ms, sizeof ms, "%" PRId64, m->options->cutover_deadline_ms);
    const act acts[] = {{4, {"CLIENT", "PAUSE", ms, "WRITE"}}, info};
    return hold_is_old(m) ? users_fence(m, ret_offset, e)
                          : act_and_read(m, acts, COUNT_OF(acts), ret_offset, e);
}

bool hold_fence(move *m, uint64_t *ret_offset, err *e)
{
    const act acts[] = {{3, {"REPLICAOF", HOLD_FENCE_HOST, HOLD_FENCE_PORT_TEXT}}, info};
    return hold_is_old(m) || act_and_read(m, acts, COUNT_OF(acts), ret_offset, e);
}

bool hold_end(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    if (hold_is_old(m) || engine_ask(m->source, &memory, &r, e, "CLIENT", "UNPAUSE")) return true;
    return m->source_version.major == 0; /* it may be one that does not know the word */
}

bool hold_undo(move *m, err *e)
{
    return change_undo(m, CHANGE_FENCE, e) && change_undo(m, CHANGE_PAUSE, e) &&
           change_undo(m, CHANGE_SOURCE_USERS, e);
}

bool hold_is_fenced(move *m, bool *ret, err *e)
{
    bool users = false;
    if (!change_is_open(m, CHANGE_FENCE, ret, e) ||
        !change_is_open(m, CHANGE_SOURCE_USERS, &users, e))
        return false;
    *ret = *ret || users;
    return true;
}

bool hold_keep(move *m, err *e)
{
    return change_keep(m, CHANGE_FENCE, e) && change_keep(m, CHANGE_SOURCE_USERS, e);
}
