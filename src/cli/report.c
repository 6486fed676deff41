#include "base/log.h"
#include "cli/cli_internal.h"

/* Part of the interface: scripts branch on these. */
const struct exit_row cli_exits[EXIT_ROW_COUNT] = {
    {0, "done", ""},
    {1, "findings, or differences of a verification", "see the report"},
    {2, "usage, or not in this state of the move: nothing was done", "see 'handover help'"},
    {3, "the source", "look at the source, then run the same command again"},
    {4, "the target", "look at the target, then run the same command again"},
    {5, "AWS", "look at the answer of AWS, then run the same command again"},
    {6, "interrupted, or a limit of this machine: run it again",
     "run the same command again: it continues where it stopped"},
    {70, "a bug of handover",
     "this should not happen: please report it with this text and the output of 'handover "
     "version'"},
};

/* The first row that fits: a side or kind of NONE fits all. Without a side it is this machine: its
 * files and limits can be helped and the command run again. */
static const struct {
    err_kind kind;
    err_side side;
    int code;
} rules[] = {
    {ERR_USAGE, SIDE_NONE, 2},  {ERR_AWS, SIDE_NONE, 5},    {ERR_STOPPED, SIDE_NONE, 6},
    {ERR_NONE, SIDE_SOURCE, 3}, {ERR_NONE, SIDE_TARGET, 4}, {ERR_STATE, SIDE_NONE, 2},
    {ERR_IO, SIDE_NONE, 6},     {ERR_LIMIT, SIDE_NONE, 6},  {ERR_TIMEOUT, SIDE_NONE, 6},
    {ERR_NONE, SIDE_NONE, 70},
};

int exit_code(const err *e)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        bool kind = rules[i].kind == ERR_NONE || rules[i].kind == e->kind;
        bool side = rules[i].side == SIDE_NONE || rules[i].side == e->side;
        if (kind && side) return rules[i].code;
    }
    return 70;
}

static const char *advice(const err *e)
{
    int code = exit_code(e);
    for (size_t i = 0; i < EXIT_ROW_COUNT; i++)
        if (cli_exits[i].code == code) return cli_exits[i].advice;
    return "";
}

/* The URL of the side, if the command takes one; it has no password. */
static const char *side_url(const struct cli_options *o, err_side side)
{
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        bool names_it = row->kind == OPTION_URL && row->side == side;
        if (names_it && o->values[i].text) return o->values[i].text;
    }
    return NULL;
}

void error_print(FILE *out, const err *e, const struct cli_options *o)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *text = e->text[0] ? e->text : "it failed without saying why";
    const char *side = e->side == SIDE_SOURCE   ? ", source"
                       : e->side == SIDE_TARGET ? ", target"
                                                : "";
    const char *url = o && e->side != SIDE_NONE ? side_url(o, e->side) : NULL;
    const char *path = o && o->command ? o->command->path : "handover";
    const char *where = arena_printf(&memory, "%s%s%s%s%s", path, side, url ? " '" : "",
                                     url ? url : "", url ? "'" : "");
    log_end(out, text, where, e->hint[0] ? e->hint : advice(e));
}
