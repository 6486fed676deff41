#include "audit/network.h"
#include "cli/cli_internal.h"
#include "cli/urls.h"

bool cmd_audit_network(const struct cli_options *o, int *ret_exit, err *e)
{
    engine_url target = {0};
    report *r = NULL;
    if (!urls_target(o, &target, e)) return false;
    audit_network_options options = {.target = &target,
                                     .timeout_ms = (int)cli_duration_ms(o, "timeout")};
    bool done = audit_network_run(&options, &r, e) && report_show(o, r, e);
    if (done && report_count(r, SEVERITY_BLOCK) > 0) *ret_exit = 1;
    report_free(r);
    engine_url_clear(&target);
    return done;
}
