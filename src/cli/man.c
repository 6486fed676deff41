/* The manual page, in man(7) macros, from the same tables as the help. */
#include "cli/cli_internal.h"

/* Text for roff: dashes stay dashes, a backslash is a backslash, no line begins with a control. */
static void put(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'') (void)fputs("\\&", out);
    for (; *text; text++) {
        const char *escaped = *text == '-' ? "\\-" : *text == '\\' ? "\\e" : NULL;
        if (escaped) {
            (void)fputs(escaped, out);
        } else {
            (void)fputc(*text, out);
        }
    }
}

static void line(FILE *out, const char *before, const char *text, const char *behind)
{
    (void)fputs(before, out);
    put(out, text);
    (void)fputs(behind, out);
    (void)fputc('\n', out);
}

static void option_entry(FILE *out, const struct option_row *row)
{
    arena a = {0};
    (void)fputs(".TP\n\\fB\\-\\-", out);
    put(out, row->name);
    (void)fputs("\\fR", out);
    if (row->argument) {
        line(out, " \\fI", row->argument, "\\fR");
    } else {
        (void)fputc('\n', out);
    }
    const char *text = row->help;
    if (row->choices) text = arena_printf(&a, "%s: %s", text, value_choices(&a, row->choices));
    if (row->fallback) text = arena_printf(&a, "%s (default %s)", text, row->fallback);
    line(out, "", text, ".");
    arena_clear(&a);
}

static void touches_line(FILE *out, unsigned touches)
{
    static const struct {
        unsigned bit;
        const char *text;
    } rows[] = {{TOUCHES_WORKDIR, "the work directory"},
                {READS_SOURCE, "reads the source"},
                {WRITES_SOURCE, "changes settings of the source (listed, asked for, taken back)"},
                {READS_TARGET, "reads the target"},
                {WRITES_TARGET, "writes the target"}};
    const char *between = "Touches: ";
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!(touches & rows[i].bit)) continue;
        (void)fprintf(out, "%s%s", between, rows[i].text);
        between = "; ";
    }
    (void)fputs(".\n", out);
}

static void command_entry(FILE *out, const struct command *c)
{
    arena a = {0};
    line(out, ".SS \"handover ", c->path, "\"");
    line(out, "", arena_printf(&a, "Summary: %s.", c->summary), "");
    line(out, ".PP\n.B handover ", arena_printf(&a, "%s %s", c->path, c->synopsis), "\n.PP");
    line(out, "", c->about, "");
    if (c->touches) touches_line(out, c->touches);
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++)
        if (option_taken_by(&cli_option_rows[i], c)) option_entry(out, &cli_option_rows[i]);
    arena_clear(&a);
}

void man_page(FILE *out)
{
    (void)fprintf(out,
                  ".\\\" Made by 'handover man'; see src/cli/man.c.\n"
                  ".TH HANDOVER 1 \"\" \"handover %s\" \"User Commands\"\n"
                  ".SH NAME\nhandover \\- move a Redis or Valkey server to AWS ElastiCache\n"
                  ".SH SYNOPSIS\n.B handover\n\\fICOMMAND\\fR [\\fIoptions\\fR]\n.SH COMMANDS\n",
                  cli_version());
    for (size_t i = 0; i < CMD_COUNT; i++)
        if (!cli_commands[i].hidden) command_entry(out, &cli_commands[i]);
    (void)fputs(
        ".SH ENVIRONMENT\nThe variables are overwritten and removed when handover starts.\n", out);
    for (size_t i = 0; i < SECRET_VARIABLE_COUNT; i++) {
        line(out, ".TP\n.B ", cli_secret_variables[i].name, "");
        line(out, "", cli_secret_variables[i].help, ".");
    }
    (void)fputs(
        ".SH FILES\nThe file of\n.B \\-\\-config\nis YAML with the names of the long options, "
        "one per line; lists are sequences.\nThe command line wins over the environment, the "
        "environment over the file.\nA file with a password in it must have mode 0600.\n"
        ".SH EXIT STATUS\n",
        out);
    for (size_t i = 0; i < EXIT_ROW_COUNT; i++) {
        (void)fprintf(out, ".TP\n.B %d\n", cli_exits[i].code);
        line(out, "", cli_exits[i].meaning, ".");
    }
}
