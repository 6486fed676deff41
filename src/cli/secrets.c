#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli_internal.h"

const struct secret_variable cli_secret_variables[SECRET_VARIABLE_COUNT] = {
    {"HANDOVER_SOURCE", "the source's URL, with or without a password", SIDE_SOURCE, true, false},
    {"HANDOVER_TARGET", "the target's URL, with or without a password", SIDE_TARGET, true, false},
    {"HANDOVER_SOURCE_PASSWORD", "the source's password", SIDE_SOURCE, false, false},
    {"HANDOVER_TARGET_PASSWORD", "the target's password", SIDE_TARGET, false, false},
    {"HANDOVER_SENTINEL_PASSWORD", "of the Sentinels themselves, when they have one",
     SECRET_OF_SENTINELS, false, true},
};

/* The value of "NAME=value" when that is the variable. */
static char *variable_value(char *entry, const char *name)
{
    size_t size = strlen(name);
    return strncmp(entry, name, size) == 0 && entry[size] == '=' ? entry + size + 1 : NULL;
}

static const struct secret_variable *variable_find(char *entry, char **ret_value)
{
    for (size_t i = 0; i < SECRET_VARIABLE_COUNT; i++) {
        *ret_value = variable_value(entry, cli_secret_variables[i].name);
        if (*ret_value) return &cli_secret_variables[i];
    }
    return NULL;
}

/* Walks the block itself: a variable may stand there twice, and getenv sees only the first. */
void secrets_take_environment(struct cli_environment *ret)
{
    char **keep = environ; /* no other thread runs yet */
    for (char **at = environ; at && *at; at++) {
        char *value = NULL;
        const struct secret_variable *v = variable_find(*at, &value);
        if (!v) {
            *keep++ = *at;
            continue;
        }
        secret *to = v->is_url ? &ret->urls[v->side] : &ret->passwords[v->side];
        if (*value && !to->at) secret_set(to, span_text(value));
        explicit_bzero(value, strlen(value));
    }
    if (keep) *keep = NULL;
}

void secrets_clear_environment(struct cli_environment *env)
{
    for (size_t side = 0; side < COUNT_OF(env->urls); side++) {
        secret_clear(&env->urls[side]);
        secret_clear(&env->passwords[side]);
    }
}

void secrets_no_core(void)
{
    const struct rlimit none = {0};
    int failed = setrlimit(RLIMIT_CORE, &none);
    assert(!failed);
    failed = prctl(PR_SET_DUMPABLE, 0L);
    assert(!failed);
}

bool secrets_refuse_url(const struct option_row *row, err *e)
{
    const char *name = row->side == SIDE_SOURCE ? "SOURCE" : "TARGET";
    (void)err_set(e, ERR_USAGE, "'--%s' holds a password: everybody on this machine can read it",
                  row->name);
    return err_hint(
        e,
        "leave it out of the URL and give it in HANDOVER_%s_PASSWORD, in "
        "--%s-password-file, or give the whole URL in HANDOVER_%s or in a --config file "
        "with mode 0600. It stands in the history of your shell now",
        name, row->name, name);
}

/* The order of strength: the terminal, file named on the command line, variable, file named in the
 * configuration, password inside the URL that is used. */
bool secrets_gather(struct cli_options *o, const struct cli_environment *env, err *e)
{
    for (size_t i = 0; i < OPTION_ROW_COUNT; i++) {
        const struct option_row *row = &cli_option_rows[i];
        bool is_file = row->kind == OPTION_FILE && row->side != SIDE_NONE;
        bool asks = row->kind == OPTION_FLAG && row->side != SIDE_NONE;
        if (!(is_file || asks) || !option_taken_by(row, o->command)) continue;
        secret *password = &o->passwords[row->side];
        if (asks) { /* behind the files, so that it wins */
            if (o->values[i].origin == ORIGIN_NONE) continue;
            if (!prompt_password((err_side)row->side, password, e)) return false;
            continue;
        }
        span variable = secret_span(&env->passwords[row->side]);
        bool named = o->values[i].origin != ORIGIN_NONE;
        bool file_wins = o->values[i].origin == ORIGIN_COMMAND_LINE || !variable.size;
        if (named && file_wins && !secret_read_file(o->values[i].text, password, e)) return false;
        if (!(named && file_wins) && variable.size) secret_set(password, variable);
    }
    return true;
}
