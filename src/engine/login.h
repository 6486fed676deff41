/* engine/login.h: a password that is made anew for every login, by somebody above who knows how
 * (IAM tokens of AWS). Shared by all copies of a URL, used from any thread. */
#pragma once
#include <stdatomic.h>

#include "base/err.h"
#include "base/secret.h"

typedef struct engine_login engine_login;
struct engine_login {
    /* Sets `ret`, which the caller clears. May wait until the deadline. */
    bool (*make)(engine_login *l, const char *user, int64_t deadline_ns, secret *ret, err *e);
    void (*end)(engine_login *l); /* when the last one lets go of it */
    int64_t renew_ms;             /* a connection logs in again when its last login is so old */
    const char *kept;             /* what a work directory keeps of it; no secret */
    const char *advice;           /* when a server refuses what was made */
    atomic_int holders;
};

engine_login *engine_login_ref(engine_login *l); /* NULL is fine */
void engine_login_unref(engine_login *l);
