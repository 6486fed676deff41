#include "cli/cli_internal.h"
#include "knowledge/knowledge.h"

#define OPTION_COLUMN 31
#define COMMAND_COLUMN 21

const char *cli_version(void)
{
    return HANDOVER_VERSION;
}

void help_version(FILE *out)
{
    (void)fprintf(out,
                  "handover %s\n"
                  "Licence: Apache License 2.0. There is no warranty.\n"
                  "Tables, and when their facts were read:\n",
                  cli_version());
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        const knowledge_table *t = knowledge_at((table_id)i);
        bool once = strcmp(t->date, t->newest_date) == 0;
        (void)fprintf(out, "  %-24s  %s%s%s\n", t->name, t->date, once ? "" : " to ",
                      once ? "" : t->newest_date);
    }
}

/* Words from `column` to HELP_COLUMNS; the cursor stands at `at`. Ends the line. */
static void wrap(FILE *out, size_t at, size_t column, const char *text)
{
    span rest = span_text(text);
    span word = {0};
    bool first = true;
    if (at + 1 > column && column) {
        (void)fputc('\n', out);
        at = 0;
    }
    for (; at < column; at++)
        (void)fputc(' ', out);
    while (span_cut(&rest, ' ', &word)) {
        if (!first && at + 1 + word.size > HELP_COLUMNS) {
            (void)fprintf(out, "\n%*s", (int)column, "");
            at = column;
            first = true;
        }
        (void)fprintf(out, "%s%.*s", first ? "" : " ", (int)word.size, (const char *)word.at);
        at += word.size + (first ? 0 : 1);
        first = false;
    }
    (void)fputc('\n', out);
}

static void option_line(FILE *out, const struct option_row *row)
{
    arena a = {0};
    const char *left = row->argument ? arena_printf(&a, "  --%s %s", row->name, row->argument)
                                     : arena_printf(&a, "  --%s", row->name);
    const char *text = row->help;
    if (row->choices) text = arena_printf(&a, "%s: %s", text, value_choices(&a, row->choices));
    if (row->fallback) text = arena_printf(&a, "%s (default %s)", text, row->fallback);
    (void)fputs(left, out);
    wrap(out, strlen(left), OPTION_COLUMN, text);
    arena_clear(&a);
}

static void command_line(FILE *out, const struct command *c)
{
    int size = fprintf(out, "  %s", c->path);
    wrap(out, size > 0 ? (size_t)size : 0, COMMAND_COLUMN, c->summary);
}

static void exit_lines(FILE *out)
{
    (void)fputs("\nExit codes:\n", out);
    for (size_t i = 0; i < EXIT_ROW_COUNT; i++)
        (void)fprintf(out, "  %2d  %s\n", cli_exits[i].code, cli_exits[i].meaning);
}

/* The overview must fit a screen: the rest of these groups is in the help of the group. */
static bool listed_by_group(size_t id)
{
    static const enum command_id rows[] = {CMD_PAUSE,        CMD_RESUME,
                                           CMD_RDB_KEYS,     CMD_SANDBOX_STATUS,
                                           CMD_SANDBOX_DOWN, CMD_SANDBOX_ENGINES};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i] == id) return true;
    return false;
}

void help_overview(FILE *out)
{
    (void)fputs("handover moves a Redis or Valkey server that you run to AWS ElastiCache.\n\n"
                "usage: handover COMMAND [options]\n\n",
                out);
    for (size_t i = 0; i < CMD_COUNT; i++)
        if (!cli_commands[i].hidden && !listed_by_group(i)) command_line(out, &cli_commands[i]);
    (void)fputs("\n'COMMAND --help' explains one; 'handover migrate', 'rdb', 'sandbox' list more.\n"
                "Passwords never stand on the command line; they come from\n",
                out);
    for (size_t i = 0; i < SECRET_VARIABLE_COUNT; i++) {
        const struct secret_variable *v = &cli_secret_variables[i];
        if (!v->in_manual) (void)fprintf(out, "  %-26s %s\n", v->name, v->help);
    }
    (void)fputs("or from files: --source-password-file, --target-password-file, --config.\n"
                "Sizes take K, M, G or T behind the number, durations ms, s, m, h or d.\n",
                out);
    exit_lines(out);
}

void help_group(FILE *out, const char *group)
{
    (void)fprintf(out, "usage: handover %s COMMAND [options]\n\n", group);
    for (size_t i = 0; i < CMD_COUNT; i++) {
        if (command_in_group(&cli_commands[i], group)) command_line(out, &cli_commands[i]);
    }
    (void)fprintf(out, "\n'handover %s COMMAND --help' explains one of them.\n", group);
}

void help_command(FILE *out, const struct command *c)
{
    const char *space = c->synopsis[0] ? " " : "";
    (void)fprintf(out, "usage: handover %s%s%s\n\n", c->path, space, c->synopsis);
    wrap(out, 0, 0, c->about);
    (void)fputc('\n', out);
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        bool elsewhere = (row->in_other_help >> (c - cli_commands) & 1U) != 0;
        if (option_taken_by(row, c) && !elsewhere) option_line(out, row);
    }
}
