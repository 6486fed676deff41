/* Completion for bash and zsh, from the same tables as the help. */
#include "cli/cli_internal.h"

/* The commands below a word ("migrate" -> "run status …"), or with NULL the first words. */
static const char *words_below(arena *a, const char *group)
{
    const char *all = "";
    const char *last = "";
    for (size_t i = 0; i < CMD_COUNT; i++) {
        const struct command *c = &cli_commands[i];
        if (c->hidden || (group && !command_in_group(c, group))) continue;
        const char *word = group ? c->path + strlen(group) + 1 : c->path;
        size_t size = strcspn(word, " ");
        if (strncmp(last, word, size) == 0 && last[size] == '\0') continue;
        last = arena_text(a, span_of(word, size));
        all = arena_printf(a, "%s%s%s", all, *all ? " " : "", last);
    }
    return all;
}

static const char *options_of(arena *a, const struct command *c)
{
    const char *all = "";
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        if (option_taken_by(row, c))
            all = arena_printf(a, "%s%s--%s", all, *all ? " " : "", row->name);
    }
    return all;
}

/* "auto|manual" -> "auto manual" */
static const char *choices_of(arena *a, const char *choices)
{
    char *words = arena_text(a, span_text(choices));
    for (char *c = words; *c; c++)
        if (*c == '|') *c = ' ';
    return words;
}

/* One case per command with its options; the groups before them. */
static void commands_write(FILE *out, arena *a)
{
    (void)fprintf(out, "    '') words='%s' ;;\n", words_below(a, NULL));
    for (size_t i = 0; i < CMD_COUNT; i++) {
        const char *path = cli_commands[i].path;
        size_t size = strcspn(path, " ");
        bool begins_group = path[size] == ' ' && !cli_commands[i].hidden &&
                            (i == 0 || strncmp(cli_commands[i - 1].path, path, size + 1) != 0);
        if (!begins_group) continue;
        const char *group = arena_text(a, span_of(path, size));
        (void)fprintf(out, "    '%s') words='%s' ;;\n", group, words_below(a, group));
    }
    for (size_t i = 0; i < CMD_COUNT; i++) {
        if (cli_commands[i].hidden) continue;
        (void)fprintf(out, "    '%s') words='%s' files=%s ;;\n", cli_commands[i].path,
                      options_of(a, &cli_commands[i]), cli_commands[i].operand ? "yes" : "");
    }
}

static bool is_first_of_name(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(cli_option_rows[i].name, cli_option_rows[index].name) == 0) return false;
    return true;
}

/* What may stand behind an option: its choices, a file, or nothing that can be known. */
static void values_write(FILE *out, arena *a)
{
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        if (row->kind == OPTION_FLAG || !is_first_of_name(i)) continue;
        if (row->choices) {
            (void)fprintf(out, "    --%s) choices='%s' ;;\n", row->name,
                          choices_of(a, row->choices));
        } else {
            (void)fprintf(out, "    --%s) choices=%s ;;\n", row->name,
                          row->kind == OPTION_FILE ? "FILE" : "NOTHING");
        }
    }
}

void completion_bash(FILE *out)
{
    arena a = {0};
    (void)fputs("# bash completion for handover; made by 'handover completion bash'.\n"
                "_handover() {\n"
                "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                "  local words='' choices='' command='' files='' word\n"
                "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                "    [[ $word == -* ]] && break\n"
                "    command+=${command:+ }$word\n"
                "  done\n"
                "  case $before in\n",
                out);
    values_write(out, &a);
    (void)fputs("  esac\n"
                "  case $choices in\n"
                "    FILE) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
                "    NOTHING) return ;;\n"
                "    ?*) COMPREPLY=($(compgen -W \"$choices\" -- \"$current\")); return ;;\n"
                "  esac\n"
                "  case $command in\n",
                out);
    commands_write(out, &a);
    (void)fputs("    *) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
                "  esac\n"
                "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                "  [[ $files ]] && COMPREPLY+=($(compgen -f -- \"$current\"))\n"
                "  return 0\n"
                "}\n"
                "complete -o filenames -F _handover handover\n",
                out);
    arena_clear(&a);
}

void completion_zsh(FILE *out)
{
    arena a = {0};
    (void)fputs("#compdef handover\n"
                "# zsh completion for handover; made by 'handover completion zsh'.\n"
                "_handover() {\n"
                "  local before=$words[CURRENT-1] words='' choices='' command='' files='' word\n"
                "  for word in ${(@)${(z)BUFFER}[2,CURRENT-1]}; do\n"
                "    [[ $word == -* ]] && break\n"
                "    command+=${command:+ }$word\n"
                "  done\n"
                "  case $before in\n",
                out);
    values_write(out, &a);
    (void)fputs("  esac\n"
                "  case $choices in\n"
                "    FILE) _files; return ;;\n"
                "    NOTHING) return ;;\n"
                "    ?*) compadd -- ${=choices}; return ;;\n"
                "  esac\n"
                "  case $command in\n",
                out);
    commands_write(out, &a);
    (void)fputs("    *) _files; return ;;\n"
                "  esac\n"
                "  compadd -- ${=words}\n"
                "  [[ -n $files ]] && _files\n"
                "  return 0\n"
                "}\n"
                "_handover \"$@\"\n",
                out);
    arena_clear(&a);
}
