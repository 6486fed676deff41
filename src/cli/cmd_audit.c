#include <unistd.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli_internal.h"
#include "cli/stop.h"
#include "cli/urls.h"

/* What lasts is announced, so that nobody wonders. */
static void duration_tell(const struct cli_options *o, const audit_options *a)
{
    if (!a->source || cli_flag(o, "quiet") || !isatty(STDERR_FILENO)) return;
    if (a->sample_keys_max > 0 && !a->dump_path) {
        log_info("audit: reads settings, clients and a sample of the keys (%" PRId64 " s at most)",
                 a->sample_ms_max / 1000);
    }
    if (a->watch_ms > 0) log_info("audit: then watches for %" PRId64 " s", a->watch_ms / 1000);
}

bool cmd_audit(const struct cli_options *o, int *ret_exit, err *e)
{
    engine_url source = {0};
    report *r = NULL;
    if (cli_flag(o, "json") && cli_flag(o, "md")) {
        (void)err_set(e, ERR_USAGE, "--json and --md both write to standard output");
        return err_hint(e, "give one of them; --html FILE may stand beside it");
    }
    if (!urls_source(o, &source, e)) return false;
    if (source.is_file) {
        engine_url_clear(&source);
        (void)err_set(e, ERR_USAGE, "--source is a file");
        return err_hint(e, "an RDB file is audited with --rdb FILE");
    }
    clock_text now = clock_show(clock_wall_ms());
    now.text[strlen("2026-11-22")] = '\0';
    audit_options options = {.source = source.host ? &source : NULL,
                             .conf_path = cli_text(o, "conf"),
                             .info_path = cli_text(o, "info"),
                             .dump_path = cli_text(o, "rdb"),
                             .rules_path = cli_text(o, "prometheus-rules"),
                             .accepted_path = cli_text(o, "accepted"),
                             .plan_path = cli_text(o, "plan"),
                             .target = cli_text(o, "target"),
                             .watch_ms = cli_duration_ms(o, "watch"),
                             .sample_keys_max = cli_count(o, "sample-keys"),
                             .sample_ms_max = cli_duration_ms(o, "sample-time"),
                             .today = now.text,
                             .stop = stop_flag()};
    /* The first signal ends the looking, and what was seen is reported. */
    if (options.source) stop_signals_take();
    duration_tell(o, &options);
    bool done = audit_run(&options, &r, e) && report_show(o, r, e);
    if (done && report_count(r, SEVERITY_BLOCK) > 0) *ret_exit = 1;
    report_free(r);
    engine_url_clear(&source);
    return done;
}
