/* cli/urls.h: the servers a command names, with the passwords that came beside the URLs. */
#pragma once
#include "cli/cli.h"
#include "engine/url.h"

/* Not given: only the password is set (the journal knows the rest). The caller clears it. */
bool urls_read(const struct cli_options *o, engine_url *ret_source, engine_url *ret_target, err *e)
    MUST_CHECK;
/* The source alone; not given: only the password is set. */
bool urls_source(const struct cli_options *o, engine_url *ret, err *e) MUST_CHECK;
/* The target of a command that also takes "host:port": then the name, or what stands beside it,
 * tells whether TLS is meant. */
bool urls_target(const struct cli_options *o, engine_url *ret, err *e) MUST_CHECK;
/* Both must be known in the end: from the options, else from the journal in --workdir. */
bool urls_need(const struct cli_options *o, engine_url *ret_source, engine_url *ret_target, err *e)
    MUST_CHECK;
