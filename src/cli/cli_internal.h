/* cli/cli_internal.h: the tables behind the command line, shared inside cli/ and with its tests. */
#pragma once
#include "base/mem.h"
#include "cli/cli.h"
#include "migrate/migrate.h"
#include "report/report.h"

/* --- commands (commands.c) ------------------------------------------------------------------- */

enum command_id {
    CMD_AUDIT,
    CMD_AUDIT_NETWORK,
    CMD_RUN,
    CMD_STATUS,
    CMD_PAUSE,
    CMD_RESUME,
    CMD_THROTTLE,
    CMD_QUARANTINE,
    CMD_CUTOVER,
    CMD_ABORT,
    CMD_FINISH,
    CMD_VERIFY,
    CMD_PROVISION,
    CMD_RDB_INFO,
    CMD_RDB_KEYS,
    CMD_SANDBOX_UP,
    CMD_SANDBOX_STATUS,
    CMD_SANDBOX_DOWN,
    CMD_SANDBOX_ENGINES,
    CMD_DRILL,
    CMD_SELFTEST,
    CMD_HELP,
    CMD_VERSION,
    CMD_MAN,
    CMD_COMPLETION,
    CMD_FINDINGS,
    CMD_COUNT
};

enum touches {
    TOUCHES_WORKDIR = 1,
    READS_SOURCE = 2,
    WRITES_SOURCE = 4,
    READS_TARGET = 8,
    WRITES_TARGET = 16,
    TOUCHES_SERVERS = READS_SOURCE | WRITES_SOURCE | READS_TARGET | WRITES_TARGET
};

struct command {
    const char *path; /* "migrate run" */
    const char *synopsis;
    const char *summary; /* one line */
    const char *about;   /* some sentences */
    unsigned touches;
    bool hidden;
    cli_command *run;
    /* Words that are no options: what they are called in messages, and how many there may be. One
     * is needed; NULL: none are taken. "-" is such a word (standard input), "--x" never is. */
    const char *operand;
    size_t operand_max;
};

extern const struct command cli_commands[CMD_COUNT];

/* The command that the first words name, and how many words those were. ERR_USAGE with the nearest
 * one. A group ("migrate") alone: true, *ret NULL and its words counted. */
bool command_find(int count, char *const *words, const struct command **ret, int *ret_words, err *e)
    MUST_CHECK;
bool command_in_group(const struct command *c, const char *group);

/* --- options (options.c) --------------------------------------------------------------------- */

typedef enum {
    OPTION_TEXT,
    OPTION_FILE,
    OPTION_URL,
    OPTION_SIZE,
    OPTION_DURATION,
    OPTION_COUNT,
    OPTION_FLAG,
    OPTION_CHOICE,
    OPTION_LIST
} option_kind;

/* Behind the values of err_side: the Sentinels that know the source have a password of their own.
 */
enum { SECRET_OF_SENTINELS = SIDE_TARGET + 1, SECRET_OWNER_COUNT };

struct option_row {
    const char *name;
    const char *argument; /* how its value is called in the help; NULL for a flag */
    option_kind kind;
    uint64_t commands; /* bits 1 << enum command_id */
    const char *help;
    const char *fallback; /* the default, written as a user would */
    const char *choices;  /* "auto|manual" */
    uint64_t min;         /* of a size (bytes), duration (ms), count */
    uint64_t max;
    unsigned side;          /* whose secret or URL it is: an err_side, SECRET_OF_SENTINELS */
    bool command_line_only; /* not in a configuration file */
    bool needed;
    uint64_t in_other_help; /* of these commands: another row names it, for the screen is small */
};

#define OPTION_ROW_COUNT 105
extern const struct option_row cli_option_rows[OPTION_ROW_COUNT];

typedef enum { ORIGIN_NONE, ORIGIN_CONFIG, ORIGIN_ENVIRONMENT, ORIGIN_COMMAND_LINE } option_origin;

struct option_value {
    option_origin origin;
    const char *text; /* NULL: neither given nor a default */
    uint64_t number;
    const char **list;
    size_t count;
};

struct cli_options {
    arena a;
    const struct command *command;
    struct option_value values[OPTION_ROW_COUNT];
    const char **operands;
    size_t operand_count;
    secret passwords[SECRET_OWNER_COUNT];
};

/* What the environment held; see secrets.c. */
struct cli_environment {
    secret urls[SECRET_OWNER_COUNT];
    secret passwords[SECRET_OWNER_COUNT];
};

/* Words behind the command. The result is cleared with options_clear, also after a failure. */
bool options_parse(int count,
                   char *const *words,
                   const struct command *c,
                   const struct cli_environment *env,
                   struct cli_options *ret,
                   err *e) MUST_CHECK;
void options_clear(struct cli_options *o);
bool option_taken_by(const struct option_row *row, const struct command *c);
/* The row of that name: the one `c` takes, else any; NULL when there is none. */
const struct option_row *option_find(const char *name, const struct command *c);
/* Checks and stores one value; one from a stronger origin stays. `text` is copied. */
bool option_set(struct cli_options *o,
                const struct option_row *row,
                span text,
                option_origin origin,
                err *e) MUST_CHECK;

/* value.c */
bool value_size(const char *text, uint64_t *ret);        /* bytes, K M G T */
bool value_duration_ms(const char *text, uint64_t *ret); /* ms s m h d; a bare 0 */
bool value_count(const char *text, uint64_t *ret);
bool value_is_choice(const char *choices, const char *text);
/* "a|b|c" -> "a, b, c" */
const char *value_choices(arena *a, const char *choices);

/* --- configuration file and secrets (config.c, secrets.c) ------------------------------------ */

bool config_read(const char *path, struct cli_options *o, err *e) MUST_CHECK;
/* The bytes of such a file; `path` is for messages. ret_has_password: others must not read it. */
bool config_parse(
    span bytes, const char *path, struct cli_options *o, bool *ret_has_password, err *e) MUST_CHECK;

/* Takes the variables with secrets out of the environment: the bytes are overwritten where they
 * stand, so that /proc/PID/environ no longer shows them, and a child does not inherit them. */
void secrets_take_environment(struct cli_environment *ret);
void secrets_clear_environment(struct cli_environment *env);
/* No core dump and no debugger of the same user shows what this process knows. */
void secrets_no_core(void);
/* The passwords of files and variables win over those inside URLs. */
bool secrets_gather(struct cli_options *o, const struct cli_environment *env, err *e) MUST_CHECK;
/* Asks on the terminal, without echo (prompt.c). ERR_USAGE: there is none, or nothing was given. */
bool prompt_password(err_side side, secret *ret, err *e) MUST_CHECK;
/* Asks a question on the terminal that only this word answers with yes. ERR_USAGE: another answer,
 * or no terminal (then `option` would have answered). */
bool prompt_word(const char *question, const char *word, const char *option, err *e) MUST_CHECK;
/* Names the other ways to give a password. */
bool secrets_refuse_url(const struct option_row *row, err *e);

struct secret_variable {
    const char *name;
    const char *help;
    unsigned side; /* as that of an option_row */
    bool is_url;
    bool in_manual; /* and not on the first screen */
};
#define SECRET_VARIABLE_COUNT 5
extern const struct secret_variable cli_secret_variables[SECRET_VARIABLE_COUNT];

/* --- help, errors ---------------------------------------------------------------------------- */

#define HELP_COLUMNS 80
#define HELP_LINES_MAX 40 /* what fits a screen */

void help_overview(FILE *out);
void help_group(FILE *out, const char *group);
void help_command(FILE *out, const struct command *c);
void help_version(FILE *out);
void man_page(FILE *out);
void completion_bash(FILE *out);
void completion_zsh(FILE *out);
const char *cli_version(void);

/* The nearest of the candidates, NULL when none is near. */
const char *nearest(const char *word, const char *const *candidates, size_t count);

struct exit_row {
    int code;
    const char *meaning;
    const char *advice; /* what to do when nobody knew better */
};
#define EXIT_ROW_COUNT 8
extern const struct exit_row cli_exits[EXIT_ROW_COUNT];

int exit_code(const err *e);
/* error, where, do: three lines. */
void error_print(FILE *out, const err *e, const struct cli_options *o);

/* --- the commands ---------------------------------------------------------------------------- */

cli_command cmd_audit, cmd_migrate_run, cmd_migrate_status, cmd_migrate_pause, cmd_migrate_resume,
    cmd_migrate_throttle, cmd_migrate_quarantine, cmd_migrate_cutover, cmd_migrate_abort,
    cmd_migrate_finish, cmd_verify, cmd_rdb_info, cmd_rdb_keys, cmd_audit_network, cmd_sandbox_up,
    cmd_sandbox_status, cmd_sandbox_down, cmd_sandbox_engines, cmd_drill, cmd_provision,
    cmd_selftest;
migrate_verify_run cmd_verify_for_move;
/* By --json, --md and --html FILE. */
bool report_show(const struct cli_options *o, const report *r, err *e) MUST_CHECK;
