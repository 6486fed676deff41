#include "engine/login.h"

engine_login *engine_login_ref(engine_login *l)
{
    if (l) (void)atomic_fetch_add(&l->holders, 1);
    return l;
}

void engine_login_unref(engine_login *l)
{
    if (l && atomic_fetch_sub(&l->holders, 1) == 1) l->end(l);
}
