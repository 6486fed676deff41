#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli_internal.h"
#include "cli/repair.h"
#include "cli/stop.h"
#include "cli/urls.h"
#include "journal/journal.h"
#include "verify/print.h"
#include "verify/verify.h"

static void progress_draw(void *context, const verify_progress *p)
{
    char line[200];
    (void)context;
    double part = p->keys_all ? 100.0 * (double)p->keys / (double)p->keys_all : 100.0;
    (void)snprintf(line, sizeof line,
                   "verify: %s, db %d: %" PRIu64 " of about %" PRIu64 " (%.0f %%), %" PRIu64
                   " to look at again",
                   p->phase, p->db, p->keys, p->keys_all, part > 100 ? 100 : part, p->suspects);
    log_status(line);
}

/* Writes the result into the journal of the move. */
static bool result_note(const char *workdir, const verify_result *r, err *e)
{
    struct journal *j = NULL;
    if (!journal_open(workdir, false, &j, e)) return false;
    CLEANUP(mem_free_at) char *detail = verify_json(r);
    uint64_t differences = verify_differences(r);
    struct journal_verification row = {.result = differences == 0 ? "equal" : "different",
                                       .keys = r->compared,
                                       .differences = differences,
                                       .seconds = r->seconds,
                                       .detail = detail};
    /* What was set aside and is equal now needs nobody any more. */
    bool noted = journal_verification_add(j, &row, e) &&
                 (differences > 0 || journal_quarantine_clear(j, r->began_ms, e));
    journal_close(j);
    return noted;
}

static bool result_print(const struct cli_options *o, const verify_result *r, err *e)
{
    if (!cli_flag(o, "json")) {
        verify_print_text(r, stdout);
        return true;
    }
    return verify_print_json(r, stdout) || err_set(e, ERR_IO, "the result could not be written");
}

/* Compares; what differs is repaired when that was asked for, and all compared again. */
static bool compare(const struct cli_options *o,
                    verify_options *options,
                    repair_list *list,
                    verify_result *result,
                    err *e)
{
    bool repairs = cli_flag(o, "repair");
    if (repairs) {
        options->difference = repair_note;
        options->difference_context = list;
    }
    bool good = (!repairs || repair_begin(list, cli_text(o, "workdir"), e)) &&
                verify_run(options, result, e);
    if (options->progress) log_status(NULL);
    if (good && list->count > 0) {
        verify_result_clear(result);
        options->difference = NULL;
        good = repair_run(list, e);
        good = good && verify_run(options, result, e);
        if (options->progress) log_status(NULL);
    }
    repair_end(list);
    return good;
}

bool cmd_verify(const struct cli_options *o, int *ret_exit, err *e)
{
    engine_url source = {0};
    engine_url target = {0};
    verify_result result = {0};
    repair_list list = {0};
    if (cli_flag(o, "repair") && cli_text(o, "state")) {
        err_set(e, ERR_USAGE, "--repair and --state do not go together");
        return err_hint(e, "after a repair all is compared anew: give one of them");
    }
    if (!urls_need(o, &source, &target, e)) return false;
    if (source.is_file || target.is_file) {
        engine_url_clear(&source);
        engine_url_clear(&target);
        (void)err_set(e, ERR_USAGE,
                      "a verification compares two running servers, and one is a file");
        return err_hint(e,
                        "'migrate run' counts the keys against the file by itself; 'handover rdb "
                        "keys FILE --json' shows every value");
    }
    verify_options options = {.source = &source,
                              .target = &target,
                              .ttl_tolerance_ms = cli_duration_ms(o, "ttl-tolerance"),
                              .rounds = (int)cli_count(o, "rounds"),
                              .state = cli_text(o, "state"),
                              .stop = stop_flag()};
    if (isatty(STDERR_FILENO) && !cli_flag(o, "quiet")) options.progress = progress_draw;
    stop_signals_take();
    bool done = compare(o, &options, &list, &result, e);
    const char *workdir = cli_text(o, "workdir");
    done = done && result_print(o, &result, e) && (!workdir || result_note(workdir, &result, e));
    if (done && verify_differences(&result) > 0) *ret_exit = 1;
    verify_result_clear(&result);
    engine_url_clear(&source);
    engine_url_clear(&target);
    return done;
}
