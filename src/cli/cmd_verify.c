#include "cli/cli_internal.h"

bool cmd_verify(const struct cli_options *o, int *ret_exit, err *e)
{
    (void)o;
    (void)ret_exit;
    return err_set(e, ERR_STATE, "'verify' is not built yet");
}
