#include "cli/cli_internal.h"
#include "sandbox/sandbox.h"

#define DOWN_MS 60000

static failover_style failover_style_asked(const struct cli_options *o)
{
    static const char *const names[] = {[FAILOVER_RESET] = "reset",
                                        [FAILOVER_SILENT] = "silent",
                                        [FAILOVER_READONLY] = "readonly",
                                        [FAILOVER_DNS] = "dns"};
    failover_style style = FAILOVER_RESET;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (cli_is(o, "failover-style", names[i])) style = (failover_style)i;
    return style;
}

bool cmd_sandbox_up(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    sandbox_options options = {
        .workdir = cli_text(o, "workdir"),
        .engines = cli_text(o, "engines"),
        .port = (uint16_t)cli_count(o, "port"),
        .dns_port = (uint16_t)cli_count(o, "dns-port"),
        .compress = (unsigned)cli_count(o, "compress-time"),
        .plain_endpoints = cli_is(o, "endpoints", "addresses"),
        .style = failover_style_asked(o),
    };
    return sandbox_up(&options, stdout, e);
}

bool cmd_sandbox_status(const struct cli_options *o, int *ret_exit, err *e)
{
    bool running = false;
    sandbox_print as = cli_flag(o, "json")  ? SANDBOX_AS_JSON
                       : cli_flag(o, "env") ? SANDBOX_AS_ENV
                                            : SANDBOX_AS_TEXT;
    if (!sandbox_status(cli_text(o, "workdir"), as, stdout, &running, e)) return false;
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
