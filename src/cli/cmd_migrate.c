#include "cli/cli_internal.h"

static bool missing(const struct cli_options *o, err *e)
{
    return err_set(e, ERR_STATE, "'%s' is not built yet", o->command->path);
}

bool cmd_migrate_run(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return missing(o, e);
}

bool cmd_migrate_status(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return missing(o, e);
}

bool cmd_migrate_pause(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return missing(o, e);
}

bool cmd_migrate_resume(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return missing(o, e);
}

bool cmd_migrate_cutover(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return missing(o, e);
}

bool cmd_migrate_abort(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return missing(o, e);
}

bool cmd_migrate_finish(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)ret_exit;
    return missing(o, e);
}
