#include "cli/cli_internal.h"
#include "sandbox/sandbox.h"

#define DOWN_MS 60000

bool cmd_sandbox_up(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    sandbox_options options = {
        .workdir = cli_text(o, "workdir"),
        .engines = cli_text(o, "engines"),
        .port = (uint16_t)cli_count(o, "port"),
        .dns_port = (uint16_t)cli_count(o, "dns-port"),
        .compress = (unsigned)cli_count(o, "compress-time"),
        .style = cli_is(o, "failover-style", "silent")     ? FAILOVER_SILENT
                 : cli_is(o, "failover-style", "readonly") ? FAILOVER_READONLY
                                                           : FAILOVER_RESET,
    };
    return sandbox_up(&options, stdout, e);
}

bool cmd_sandbox_status(const struct cli_options *o, int *ret_exit, err *e)
{
    bool running = false;
    if (!sandbox_status(cli_text(o, "workdir"), cli_flag(o, "json"), stdout, &running, e))
        return false;
    if (!running) *ret_exit = 1;
    return true;
}

bool cmd_sandbox_down(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return sandbox_down(cli_text(o, "workdir"), DOWN_MS, e);
}

bool cmd_sandbox_engines(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return sandbox_engines(cli_text(o, "engines"), cli_flag(o, "json"), stdout, e);
}
