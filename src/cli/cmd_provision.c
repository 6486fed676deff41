#include "cli/cli_internal.h"
#include "cli/stop.h"
#include "provision/provision.h"

static bool confirm(void *context, const char *what, err *e)
{
    const struct cli_options *o = context;
    return cli_flag(o, "yes") || prompt_word(what, "delete", "--yes", e);
}

static bool choices_check(const struct cli_options *o, err *e)
{
    bool as = cli_given(o, "as");
    bool both = (as && (cli_flag(o, "destroy") || cli_flag(o, "dry-run"))) ||
                (cli_flag(o, "json") && cli_flag(o, "md"));
    if (!both) return true;
    (void)err_set(e, ERR_USAGE, "%s",
                  as ? "--as only prints: --destroy and --dry-run do not go "
                       "with it"
                     : "--json and --md both write to standard output");
    return err_hint(e, "give one of them");
}

static bool destroy(const struct cli_options *o, const provision_options *p, err *e)
{
    size_t count = 0;
    if (!provision_destroy(p, &count, e)) return false;
    if (count == 0 || !cli_flag(o, "dry-run")) {
        (void)printf("%zu removed: all that carried the tag handover:plan=%s\n", count,
                     p->plan->name.text);
    }
    return true;
}

static bool make(const struct cli_options *o, const provision_options *p, int *ret_exit, err *e)
{
    report *r = NULL;
    if (!provision_run(p, &r, e)) return false;
    if (!r) return true; /* a dry run */
    bool done = report_show(o, r, e);
    if (report_count(r, SEVERITY_BLOCK) > 0) *ret_exit = 1;
    report_free(r);
    return done;
}

bool cmd_provision(const struct cli_options *o, int *ret_exit, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    plan p;
    if (!choices_check(o, e) || !plan_load(cli_text(o, "plan"), &memory, &p, e)) return false;
    if (cli_given(o, "as")) {
        return cli_is(o, "as", "cli") ? provision_print_cli(&p, stdout, e)
                                      : provision_print_template(&p, stdout, e);
    }
    union cli_context {
        const struct cli_options *options;
        void *context;
    } context = {.options = o};
    provision_options options = {.plan = &p,
                                 .aws = {.profile = cli_text(o, "profile"),
                                         .region = cli_text(o, "region"),
                                         .endpoint_url = cli_text(o, "endpoint-url")},
                                 .dry_run = cli_flag(o, "dry-run"),
                                 .at = cli_text(o, "at"),
                                 .timeout_ms = cli_duration_ms(o, "timeout"),
                                 .out = stdout,
                                 .stop = stop_flag(),
                                 .confirm = confirm,
                                 .context = context.context};
    for (size_t i = 0; i < ENGINE_TLS_COUNT; i++) {
        char option[32];
        (void)snprintf(option, sizeof option, "target-%s", engine_tls_names[i]);
        options.tls[i] = cli_text(o, option);
    }
    stop_signals_take();
    return cli_flag(o, "destroy") ? destroy(o, &options, e) : make(o, &options, ret_exit, e);
}
