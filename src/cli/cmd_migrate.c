#include "cli/cli_internal.h"
#include "cli/urls.h"
#include "migrate/migrate.h"

/* One row: the word of a choice and what it means. */
typedef struct {
    const char *word;
    int value;
} choice;

static const choice policies[] = {
    {"empty", TARGET_EMPTY}, {"merge", TARGET_MERGE}, {"replace", TARGET_REPLACE}, {NULL, 0}};
static const choice progresses[] = {{"auto", PROGRESS_AUTO},
                                    {"line", PROGRESS_LINE},
                                    {"plain", PROGRESS_PLAIN},
                                    {"none", PROGRESS_NONE},
                                    {NULL, 0}};

static int choice_of(const struct cli_options *o, const char *name, const choice *choices)
{
    for (size_t i = 0; choices[i].word; i++)
        if (cli_is(o, name, choices[i].word)) return choices[i].value;
    return 0;
}

/* A limit that is not given stays as it is. */
static throttle_limits limits_read(const struct cli_options *o)
{
    return (throttle_limits){
        .ops_per_s = cli_given(o, "ops") ? (int64_t)cli_count(o, "ops") : -1,
        .bytes_per_s = cli_given(o, "bytes") ? (int64_t)cli_size(o, "bytes") : -1,
        .latency_ms = cli_given(o, "target-latency") ? cli_duration_ms(o, "target-latency") : -1,
        .memory_percent =
            cli_given(o, "target-memory") ? (int64_t)cli_count(o, "target-memory") : -1,
    };
}

static void run_options(const struct cli_options *o, migrate_options *ret)
{
    ret->cutover_auto = cli_is(o, "cutover", "auto");
    ret->verify = cli_is(o, "verify", "yes");
    ret->skip_network = cli_flag(o, "skip-network");
    ret->dry_run = cli_flag(o, "dry-run");
    ret->policy = (target_policy)choice_of(o, "target-policy", policies);
    ret->replica = cli_text(o, "replica");
    ret->progress = (progress_kind)choice_of(o, "progress", progresses);
    ret->flush_pass = cli_is(o, "flush-policy", "pass");
    ret->allow_source_config = cli_flag(o, "allow-source-config");
    ret->allow_target_config = cli_flag(o, "allow-target-config");
    ret->accepted_count = cli_list(o, "accept", &ret->accepted);
    ret->spool_bytes_max = cli_size(o, "spool-max");
    ret->spool_segment_bytes = cli_size(o, "spool-segment");
    ret->hold_horizon_ms = cli_duration_ms(o, "hold-horizon");
    ret->cutover_deadline_ms = cli_duration_ms(o, "cutover-deadline");
    ret->lag_max_ms = cli_duration_ms(o, "lag-max");
    ret->switch_hook = cli_text(o, "switch-hook");
    ret->hooks = cli_text(o, "hooks");
    ret->throttle = limits_read(o);
    ret->throttle_file = cli_text(o, "throttle-file");
    ret->verify_run = cmd_verify_for_move;
    ret->metrics = cli_text(o, "metrics");
    if (cli_flag(o, "quiet")) ret->progress = PROGRESS_NONE;
    if (cli_is(o, "log-format", "json") && ret->progress != PROGRESS_NONE)
        ret->progress = PROGRESS_PLAIN; /* a line that is drawn over itself is no object */
}

static bool server_options(const struct cli_options *o, migrate_options *ret, err *e)
{
    *ret = (migrate_options){.workdir = cli_text(o, "workdir"), .progress = PROGRESS_NONE};
    return urls_read(o, &ret->source, &ret->target, e);
}

static void move_options_clear(migrate_options *m)
{
    engine_url_clear(&m->source);
    engine_url_clear(&m->target);
}

bool cmd_migrate_run(const struct cli_options *o, int *ret_exit, err *e)
{
    migrate_options m;
    if (!server_options(o, &m, e)) return false;
    run_options(o, &m);
    bool good = migrate_run(&m, ret_exit, e);
    move_options_clear(&m);
    return good;
}

bool cmd_migrate_status(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return migrate_status(cli_text(o, "workdir"), cli_flag(o, "json"), e);
}

bool cmd_migrate_pause(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return migrate_pause(cli_text(o, "workdir"), true, e);
}

bool cmd_migrate_resume(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return migrate_pause(cli_text(o, "workdir"), false, e);
}

bool cmd_migrate_throttle(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    throttle_limits change = limits_read(o);
    if (cli_flag(o, "off")) {
        bool other = change.ops_per_s >= 0 || change.bytes_per_s >= 0 || change.latency_ms >= 0 ||
                     change.memory_percent >= 0;
        if (other) return err_set(e, ERR_USAGE, "'--off' and a limit exclude each other");
        change = (throttle_limits){0};
    }
    return migrate_throttle(cli_text(o, "workdir"), &change, e);
}

bool cmd_migrate_quarantine(const struct cli_options *o, int *ret_exit, err *e)
{
    const char *const *words = NULL;
    const char *workdir = cli_text(o, "workdir");
    size_t count = cli_operands(o, &words);
    uint64_t refused = 0;
    if (strcmp(words[0], "accept") == 0)
        return migrate_quarantine_accept(workdir, words + 1, count - 1, e);
    if (strcmp(words[0], "list") == 0 && count == 1)
        return migrate_quarantine_list(workdir, cli_flag(o, "json"), e);
    if (strcmp(words[0], "retry") != 0) {
        (void)err_set(e, ERR_USAGE, "'%s' is not expected here",
                      span_show(span_text(words[count > 1 ? 1 : 0])).text);
        return err_hint(e, "one of: list, retry [ID...], accept ID...");
    }
    bool good = migrate_quarantine_retry(workdir, words + 1, count - 1, &refused, e);
    if (good && refused > 0) *ret_exit = 1;
    return good;
}

bool cmd_migrate_cutover(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    migrate_options m;
    cutover_order order = {.dry_run = cli_flag(o, "dry-run"),
                           .force = cli_flag(o, "force"),
                           .undo = cli_flag(o, "undo"),
                           .skip_verify = cli_flag(o, "skip-verify"),
                           .skip_network = cli_flag(o, "skip-network")};
    if (order.force && order.undo)
        return err_set(e, ERR_USAGE, "'--force' and '--undo' exclude each other");
    if (!server_options(o, &m, e)) return false;
    bool good = migrate_cutover(&m, &order, e);
    move_options_clear(&m);
    return good;
}

bool cmd_migrate_abort(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    migrate_options m;
    if (!server_options(o, &m, e)) return false;
    bool good = migrate_abort(&m, e);
    move_options_clear(&m);
    return good;
}

bool cmd_migrate_finish(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    migrate_options m;
    if (!server_options(o, &m, e)) return false;
    bool good = migrate_finish(&m, cli_flag(o, "keep-fence"), e);
    move_options_clear(&m);
    return good;
}
