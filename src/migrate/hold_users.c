/* 6.0: the users' right to write is the fence. It is taken in the transaction that pauses all. */
#include "migrate/changes.h"
#include "migrate/hold_internal.h"

#define COMMANDS_MAX (HOLD_USERS_MAX + 2)

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
    hold_act *acts = arena_alloc(&memory, (open_count + 2) * sizeof *acts);
    acts[count++] = (hold_act){3, {"CLIENT", "PAUSE", HOLD_PAUSE_TEXT}};
    for (size_t i = 0; i < open_count; i++) {
        if (!change_is(&open[i], CHANGE_SOURCE_USERS)) continue;
        span name = {0};
        span rest = span_text(open[i].undo_argument);
        if (!span_cut(&rest, ' ', &name) || count > HOLD_USERS_MAX)
            return err_set(e, ERR_LIMIT, "users in the journal: none, or too many");
        acts[count++] = (hold_act){4, {"ACL", "SETUSER", arena_text(&memory, name), "-@write"}};
    }
    acts[count++] = (hold_act)HOLD_ACT_INFO;
    return hold_act_and_read(m, acts, count, ret_offset, e);
}

static bool users_check(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *users = NULL;
    return users_read(m, &memory, &users, e) ||
           err_hint(e, "before 6.2 writes are fenced by the users' rights: give the user of the "
                       "source +acl|list +acl|setuser");
}

/* The hold is the fence: there is none to come, and the pause ends by itself. */
const hold_ops hold_by_users = {.check = users_check, .plan = users_plan, .begin = users_fence};
