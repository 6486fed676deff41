#include "cli/cli.h"

#include <errno.h>

#include "base/log.h"
#include "cli/cli_internal.h"

static bool asks_for_help(int count, char *const *words)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return true;
    return false;
}

static int fail(const err *e, const struct cli_options *o)
{
    error_print(stderr, e, o);
    return exit_code(e);
}

/* Results that did not reach a full disk or a closed pipe are not a success. */
static int flushed(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    err e = {0};
    (void)err_sys(&e, errno, "write the result to standard output");
    return code ? code : fail(&e, NULL);
}

static int run_command(const struct command *c,
                       int count,
                       char *const *words,
                       const struct cli_environment *env)
{
    struct cli_options o = {0};
    err e = {0};
    int code = 0;
    if (c->touches & TOUCHES_SERVERS) secrets_no_core();
    bool good = options_parse(count, words, c, env, &o, &e);
    if (good && cli_flag(&o, "quiet")) log_set_level(LOG_WARN);
    if (good && cli_is(&o, "log-format", "json")) log_set_format(LOG_JSON);
    if (good) good = c->run(&o, &code, &e);
    if (!good) code = fail(&e, &o);
    options_clear(&o);
    return flushed(code);
}

/* "help migrate run", "migrate run --help", "migrate --help", "migrate". */
static int show_help(int count, char *const *words, bool asked)
{
    const struct command *c = NULL;
    err e = {0};
    int used = 0;
    FILE *out = asked ? stdout : stderr;
    if (count == 0 || words[0][0] == '-') {
        help_overview(out);
        return asked ? flushed(0) : 2;
    }
    if (!command_find(count, words, &c, &used, &e)) return fail(&e, NULL);
    if (c) {
        help_command(out, c);
    } else {
        help_group(out, words[0]);
    }
    return asked ? flushed(0) : 2;
}

static int dispatch(int count, char *const *words, const struct cli_environment *env)
{
    const struct command *c = NULL;
    err e = {0};
    int used = 0;
    if (count == 0) return show_help(0, words, false);
    if (strcmp(words[0], "help") == 0) return show_help(count - 1, words + 1, true);
    if (asks_for_help(count, words)) return show_help(count, words, true);
    if (strcmp(words[0], "--version") == 0) {
        help_version(stdout);
        return flushed(0);
    }
    if (words[0][0] == '-') {
        (void)err_set(&e, ERR_USAGE, "a command comes first, not '%s'",
                      span_show(span_text(words[0])).text);
        (void)err_hint(&e, "'handover --help' lists the commands");
        return fail(&e, NULL);
    }
    if (!command_find(count, words, &c, &used, &e)) return fail(&e, NULL);
    if (!c) return show_help(count, words, false);
    return run_command(c, count - used, words + used, env);
}

int cli_main(int argc, char **argv)
{
    struct cli_environment env = {0};
    secrets_take_environment(&env);
    int code = dispatch(argc > 0 ? argc - 1 : 0, argv + (argc > 0 ? 1 : 0), &env);
    secrets_clear_environment(&env);
    return code;
}
