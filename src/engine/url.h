/* engine/url.h: where a server is and who we are there: redis://[user[:password]@]host[:port][/db].
 *
 * The password is percent-decoded into a secret; everything shown to people leaves it out.
 * "rediss" (TLS) is understood and refused by the callers that cannot do it yet. */
#pragma once
#include "base/err.h"
#include "base/secret.h"

#define ENGINE_PORT_DEFAULT 6379

typedef struct {
    char *host; /* a name or address; a path for a Unix socket */
    uint16_t port;
    int db;
    bool tls;
    char *user; /* NULL: the default user */
    secret password;
} engine_url;

/* ERR_USAGE says which part is wrong, without repeating a password. */
bool engine_url_parse(const char *text, engine_url *ret, err *e) MUST_CHECK;
void engine_url_clear(engine_url *u);
engine_url engine_url_copy(const engine_url *u);
/* "redis://app@10.0.0.7:6379/2", no password; free() it. It parses to the same again. */
char *engine_url_show(const engine_url *u);
