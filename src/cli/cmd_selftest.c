#include "cli/cli_internal.h"
#include "cli/urls.h"
#include "selftest/selftest.h"

bool cmd_selftest(const struct cli_options *o, int *ret_exit, err *e)
{
    engine_url target = {0};
    report *r = NULL;
    if (!urls_target(o, &target, e)) return false;
    selftest_options options = {.target = &target,
                                .timeout_ms = (int)cli_duration_ms(o, "timeout")};
    bool done = selftest_run(&options, &r, e) && report_show(o, r, e);
    if (done && report_count(r, SEVERITY_WARN) > 0) *ret_exit = 1;
    report_free(r);
    engine_url_clear(&target);
    return done;
}
