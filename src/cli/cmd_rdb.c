#include "cli/cli_internal.h"
#include "inspect/inspect.h"

static const char *path_of(const struct cli_options *o)
{
    const char *const *operands = NULL;
    size_t count = cli_operands(o, &operands);
    assert(count == 1);
    return operands[0];
}

bool cmd_rdb_info(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    inspect_summary s = {0};
    const char *path = path_of(o);
    bool done = inspect_run(path, (size_t)cli_count(o, "largest"), &s, e);
    if (done && !cli_flag(o, "json")) inspect_print_text(&s, path, stdout);
    if (done && cli_flag(o, "json") && !inspect_print_json(&s, path, stdout))
        done = err_set(e, ERR_IO, "the result could not be written");
    inspect_summary_clear(&s);
    return done;
}

bool cmd_rdb_keys(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return inspect_keys(path_of(o), cli_flag(o, "json"), stdout, e);
}
