#include "audit/findings_page.h"
#include "cli/cli_internal.h"

static bool run_help(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)o;
    (void)ret_exit;
    (void)e;
    help_overview(stdout);
    return true;
}

static bool run_version(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)o;
    (void)ret_exit;
    (void)e;
    help_version(stdout);
    return true;
}

static bool run_man(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)o;
    (void)ret_exit;
    (void)e;
    man_page(stdout);
    return true;
}

static bool run_findings(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)o;
    (void)ret_exit;
    (void)e;
    audit_findings_page(stdout);
    return true;
}

static bool run_completion(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    static const struct {
        const char *shell;
        void (*write)(FILE *out);
    } rows[] = {{"bash", completion_bash}, {"zsh", completion_zsh}};
    const char *const *operands = NULL;
    size_t count = cli_operands(o, &operands);
    for (size_t i = 0; i < COUNT_OF(rows) && count == 1; i++) {
        if (strcmp(rows[i].shell, operands[0]) != 0) continue;
        rows[i].write(stdout);
        return true;
    }
    (void)err_set(e, ERR_USAGE, "there is no completion for '%s'",
                  span_show(span_text(operands[0])).text);
    return err_hint(e, "bash or zsh");
}

const struct command cli_commands[CMD_COUNT] = {
    [CMD_AUDIT] = {"audit", "--source URL [options]",
                   "what will not come along to ElastiCache, before the move",
                   "Reads a running server, or saved files (--conf, --info), and changes nothing. "
                   "Finds settings, commands, users, clients, data, duties and alarms that will "
                   "be different there. Exit 1 when something blocks the move.",
                   READS_SOURCE, false, cmd_audit, NULL, 0},
    [CMD_AUDIT_NETWORK] =
        {"audit network", "--target HOST:PORT|URL [options]",
         "can the target be reached from here, step by step",
         "Run it where the application runs. Tells name, address, TCP, TLS, AUTH, PING and "
         "cluster mode apart, with the likely cause on AWS. Sends AUTH, PING, EXISTS and INFO. "
         "Exit 1 when the target cannot be reached.",
         READS_TARGET, false, cmd_audit_network, NULL, 0},
    [CMD_RUN] =
        {"migrate run", "--source URL --target URL --workdir DIR [options]",
         "copy everything, then follow the source until the cutover",
         "Begins a move, or continues the one in the work directory: then the URLs are known "
         "already. It can be stopped at any moment and run again. The target must be "
         "empty, unless --target-policy says merge (its other keys stay) or replace (they "
         "go).",
         TOUCHES_WORKDIR | READS_SOURCE | WRITES_SOURCE | READS_TARGET | WRITES_TARGET, false,
         cmd_migrate_run, NULL, 0},
    [CMD_STATUS] = {"migrate status", "--workdir DIR [--json]", "where the move stands",
                    "Answers also when nothing runs: then with what was last known, and when.",
                    TOUCHES_WORKDIR, false, cmd_migrate_status, NULL, 0},
    [CMD_PAUSE] = {"migrate pause", "--workdir DIR", "stop writing to the target for a while",
                   "The source is still read, into the spool, so that nothing has to start over.",
                   TOUCHES_WORKDIR, false, cmd_migrate_pause, NULL, 0},
    [CMD_RESUME] = {"migrate resume", "--workdir DIR", "end a pause",
                    "Goes on where the pause began. To continue a move whose process ended, use "
                    "'migrate run'.",
                    TOUCHES_WORKDIR, false, cmd_migrate_resume, NULL, 0},
    [CMD_THROTTLE] =
        {"migrate throttle", "--workdir DIR [--ops N] [options]",
         "limit how fast the target is written to",
         "Changes the limits of the running move at once; without an option it tells them. They "
         "are kept: a run that goes on holds them too. 0 lifts a limit, --off all of them.",
         TOUCHES_WORKDIR, false, cmd_migrate_throttle, NULL, 0},
    [CMD_QUARANTINE] =
        {"migrate quarantine", "--workdir DIR list|retry|accept [ID...]",
         "keys that are not on the target, or different there",
         "list names them, with their numbers. retry copies them (or those of the numbers) again "
         "by value, at their place in the stream: it asks the running move. accept (numbers, or "
         "all) lets a cutover pass in spite of them.",
         TOUCHES_WORKDIR, false, cmd_migrate_quarantine, "list, retry or accept", 1000},
    [CMD_CUTOVER] =
        {"migrate cutover", "--workdir DIR [options]",
         "hold the writes, drain, fence the source, switch",
         "Asks the running 'migrate run'. Until the switch hook has started, a missed "
         "deadline goes back by itself and writes resume on the source. --dry-run prints "
         "every command with its deadline.",
         TOUCHES_WORKDIR | WRITES_SOURCE | WRITES_TARGET, false, cmd_migrate_cutover, NULL, 0},
    [CMD_ABORT] = {"migrate abort", "--workdir DIR [options]",
                   "give the move up and take back every change",
                   "The source stays as it was. What was written to the target stays there.",
                   TOUCHES_WORKDIR | WRITES_SOURCE | WRITES_TARGET, false, cmd_migrate_abort, NULL,
                   0},
    [CMD_FINISH] = {"migrate finish", "--workdir DIR [options]",
                    "end the move after the switch: the point of no return",
                    "Takes back the changes that the move made on both sides. After this there is "
                    "no rollback.",
                    TOUCHES_WORKDIR | WRITES_SOURCE | WRITES_TARGET, false, cmd_migrate_finish,
                    NULL, 0},
    [CMD_VERIFY] = {"verify", "--source URL --target URL [options]",
                    "compare two servers, live, in both directions",
                    "Finds keys that are missing, extra, or different in value or TTL. Differences "
                    "that writes under way explain are looked at again. Exit 1 when some remain.",
                    READS_SOURCE | READS_TARGET | TOUCHES_WORKDIR, false, cmd_verify, NULL, 0},
    [CMD_PROVISION] =
        {"provision", "--plan FILE [--dry-run] [--as FORM] [--destroy]",
         "make the cache of a plan at ElastiCache, and check it",
         "Makes parameter group, subnet group, users and replication group, or changes them to the "
         "plan; what it did not make it never touches. It can be stopped at any moment and run "
         "again. Then checks what stands there. Exit 1 when a check fails. See docs/provision.md.",
         READS_TARGET, false, cmd_provision, NULL, 0},
    [CMD_RDB_INFO] = {"rdb info", "FILE [--json]", "what is in an RDB file",
                      "Header, keys and bytes by database, type and encoding, largest keys, "
                      "expiries, and which engines load it. '-' reads standard input. A file that "
                      "is damaged ends with its place and exit code 3.",
                      0, false, cmd_rdb_info, "FILE", 1},
    [CMD_RDB_KEYS] = {"rdb keys", "FILE [--json]", "the keys of an RDB file, one a line",
                      "With --json one object a line, with the whole value; docs/rdb.md has its "
                      "form. '-' reads standard input.",
                      0, false, cmd_rdb_keys, "FILE", 1},
    [CMD_SANDBOX_UP] =
        {"sandbox up", "[--workdir DIR] [options]", "a local stand-in of ElastiCache",
         "Runs until it is ended (Control-C, or 'sandbox down'), on loopback only: the ElastiCache "
         "API for any AWS client, with real engines behind it that failover for real. Prints the "
         "endpoint and the credentials. Caches and their data are there again at the next 'up'.",
         TOUCHES_WORKDIR, false, cmd_sandbox_up, NULL, 0},
    [CMD_SANDBOX_STATUS] = {"sandbox status", "[--workdir DIR] [--env|--json]",
                            "endpoint, credentials and caches of the sandbox",
                            "The plain addresses of a cache follow its primary through a failover. "
                            "Exit 1 when no sandbox runs in that directory.",
                            TOUCHES_WORKDIR, false, cmd_sandbox_status, NULL, 0},
    [CMD_SANDBOX_DOWN] = {"sandbox down", "[--workdir DIR]",
                          "end the sandbox; its caches and their data are kept",
                          "Returns when it has ended. Remove the directory to forget everything.",
                          TOUCHES_WORKDIR, false, cmd_sandbox_down, NULL, 0},
    [CMD_SANDBOX_ENGINES] = {"sandbox engines", "[--engines DIR] [--json]",
                             "the engines found here, and what they stand for",
                             "Looks in the folder given, else in .cache/engines, and on PATH.", 0,
                             false, cmd_sandbox_engines, NULL, 0},
    [CMD_DRILL] =
        {"drill failover", "--target URL [--group ID] [--clients exec:CMD]...",
         "who follows a failover, and what is lost",
         "Writes in six ways, and has your own clients write (docs/drill.md), while the group's "
         "primary fails over; without a group you start the failover. Then tells who followed, how "
         "long nobody wrote, what was lost and what to set. Removes its keys. Exit 1 when a client "
         "did not follow.",
         READS_TARGET | WRITES_TARGET, false, cmd_drill, NULL, 0},
    [CMD_SELFTEST] =
        {"selftest", "--target URL [options]", "where a real cache differs from the tables",
         "Some 200 harmless commands: those that the tables tell of in a form that nothing runs, "
         "and what a move relies on with keys of a prefix of its own, which it deletes. Makes a "
         "report to send to the makers of handover. Exit 1 when something differs.",
         READS_TARGET | WRITES_TARGET, false, cmd_selftest, NULL, 0},
    [CMD_HELP] = {"help", "[COMMAND]", "this overview, or the help of a command",
                  "The same as COMMAND --help.", 0, false, run_help, NULL, 0},
    [CMD_VERSION] = {"version", "", "the version, the licence, and the dates of the tables",
                     "The same as --version.", 0, false, run_version, NULL, 0},
    [CMD_MAN] = {"man", "", "print the manual page", "For 'make docs'.", 0, true, run_man, NULL, 0},
    [CMD_FINDINGS] = {"findings", "", "print the page of the audit's findings", "For 'make docs'.",
                      0, true, run_findings, NULL, 0},
    [CMD_COMPLETION] = {"completion", "bash|zsh", "print the completion for a shell",
                        "For packages; to try it: source <(handover completion bash).", 0, true,
                        run_completion, "SHELL", 1},
};

bool command_in_group(const struct command *c, const char *group)
{
    size_t size = strlen(group);
    return strncmp(c->path, group, size) == 0 && c->path[size] == ' ';
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < CMD_COUNT; i++)
        if (command_in_group(&cli_commands[i], word)) return true;
    return false;
}

/* The nearest command to what was typed; "status" finds "migrate status" too. */
static bool refuse(const char *typed, err *e)
{
    const char *paths[CMD_COUNT * 2] = {0};
    size_t count = 0;
    for (size_t i = 0; i < CMD_COUNT; i++)
        if (!cli_commands[i].hidden) paths[count++] = cli_commands[i].path;
    size_t visible = count;
    for (size_t i = 0; i < visible; i++) {
        const char *space = strchr(paths[i], ' ');
        paths[count++] = space ? space + 1 : paths[i];
    }
    const char *near = nearest(typed, paths, count);
    for (size_t i = 0; near && i < count; i++)
        if (paths[i] == near) near = paths[i % visible];
    (void)err_set(e, ERR_USAGE, "there is no command '%s'", span_show(span_text(typed)).text);
    if (near) return err_hint(e, "did you mean 'handover %s'?", near);
    return err_hint(e, "'handover --help' lists the commands");
}

bool command_find(int count, char *const *words, const struct command **ret, int *ret_words, err *e)
{
    assert(count > 0);
    char two[128];
    bool has_second = count > 1 && words[1][0] != '-';
    (void)snprintf(two, sizeof two, "%s %s", words[0], has_second ? words[1] : ""); /* or cut */
    for (int used = has_second ? 2 : 1; used > 0; used--) { /* the longer path first */
        for (size_t i = 0; i < CMD_COUNT; i++) {
            if (strcmp(cli_commands[i].path, used == 2 ? two : words[0]) != 0) continue;
            *ret = &cli_commands[i];
            *ret_words = used;
            return true;
        }
    }
    if (is_group(words[0]) && !has_second) {
        *ret = NULL;
        *ret_words = 1;
        return true;
    }
    return refuse(is_group(words[0]) ? two : words[0], e);
}
