/* close-on-replica-write: a client that writes to a replica gets READONLY, and is then closed. The
 * engines have no such setting: the sandbox counts the replica's READONLY errors, and when there
 * are more of them closes the clients whose last command, just now, was a write. */
#include "base/log.h"
#include "engine/info.h"
#include "sandbox/keeper.h"
#include "sandbox/parameters.h"

/* How many READONLY errors the node gave; -1: it does not say. */
static int64_t errors_count(keeper *k, const char *node)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    err e = {0};
    span line;
    span number;
    int64_t value = 0;
    if (!node_ask(k, node, &memory, &r, &e, ENGINE_TEXTS("INFO", "errorstats"))) return -1;
    if (!info_text(r->text, "errorstat_READONLY", &line)) return 0;
    return info_part(line, "count", &number) && span_to_i64(number, &value) ? value : -1;
}

/* By the engine's own flags; scripts may have written. */
static bool is_write(keeper *k, const char *node, arena *memory, span command)
{
    const reply *r = NULL;
    err e = {0};
    char *name = arena_text(memory, command);
    if (span_starts(command, "eval") || span_starts(command, "fcall")) return true;
    if (!node_ask(k, node, memory, &r, &e, ENGINE_TEXTS("COMMAND", "INFO", name))) return false;
    if (r->count == 0 || r->items[0].count < 3) return false;
    const reply *flags = &r->items[0].items[2];
    for (size_t i = 0; i < flags->count; i++)
        if (span_is(flags->items[i].text, "write")) return true;
    return false;
}

static void writers_close(keeper *k, const char *node)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    err e = {0};
    if (!node_ask(k, node, &memory, &r, &e, ENGINE_TEXTS("CLIENT", "LIST", "TYPE", "normal")))
        return;
    span rest = r->text;
    span line;
    while (span_cut(&rest, '\n', &line)) {
        const reply *done = NULL;
        span id = info_word(line, "id");
        span command = info_word(line, "cmd");
        int64_t seconds = 0;
        if (id.size == 0 || command.size == 0 || !span_to_i64(info_word(line, "idle"), &seconds) ||
            seconds > 1 || !is_write(k, node, &memory, command))
            continue;
        if (!node_ask(k, node, &memory, &done, &e,
                      ENGINE_TEXTS("CLIENT", "KILL", "ID", arena_text(&memory, id))))
            log_debug("sandbox: %s: %s", node, e.text); /* it has gone by itself */
    }
}

void replica_writes_turn(keeper *k, json_t *g)
{
    const char *value =
        parameters_value(k->s, text_of(g, "parameter_group"), "close-on-replica-write");
    size_t at = 0;
    json_t *node = NULL;
    if (!value || strcmp(value, "yes") != 0) return;
    json_array_foreach(json_object_get(g, "nodes"), at, node)
    {
        node_process *p = node_process_find(k, text_of(node, "id"));
        if (!p || p->is_frozen || flag_of(node, "is_primary")) continue;
        int64_t count = errors_count(k, p->id);
        if (count > p->readonly_errors && p->readonly_is_known) writers_close(k, p->id);
        if (count >= 0) p->readonly_errors = count;
        p->readonly_is_known |= count >= 0;
    }
}
