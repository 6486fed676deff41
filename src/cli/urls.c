#include "cli/urls.h"

static bool
url_read(const struct cli_options *o, const char *name, err_side side, engine_url *ret, err *e)
{
    const char *text = cli_text(o, name);
    const secret *password = cli_password(o, side);
    engine_url u = {0};
    if (text && !engine_url_parse(text, &u, e)) return err_wrap(e, "--%s", name);
    if (password) secret_set(&u.password, secret_span(password));
    *ret = u;
    return true;
}

bool urls_read(const struct cli_options *o, engine_url *ret_source, engine_url *ret_target, err *e)
{
    if (!url_read(o, "source", SIDE_SOURCE, ret_source, e)) return false;
    if (url_read(o, "target", SIDE_TARGET, ret_target, e)) return true;
    engine_url_clear(ret_source);
    return false;
}
