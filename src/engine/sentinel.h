/* engine/sentinel.h: a server that Sentinels watch, named by its service:
 * redis+sentinel://[user[:password]@]host[:port][,host[:port]..]/service[/db].
 *
 * The hosts are the Sentinels, port 26379 when none is given; user, password and database are the
 * server's. With "rediss+sentinel" the Sentinels and the server speak TLS, with the same files. A
 * Sentinel's own user and password are another matter and stand in no URL.
 * Protocol: https://redis.io/docs/latest/develop/reference/sentinel-clients/ */
#pragma once
#include "engine/url.h"
#include "net/net.h"

#define SENTINEL_PORT_DEFAULT 26379
#define SENTINEL_COUNT_MAX 32
#define SENTINEL_SERVICE_MAX 128

typedef struct {
    engine_url server; /* host and port are not known yet */
    char *service;
    size_t count;
    struct {
        char *host;
        uint16_t port;
    } nodes[SENTINEL_COUNT_MAX];
} sentinel_url;

/* Does the text begin as such a URL? */
bool sentinel_is_named(const char *text);
/* ERR_USAGE says which part is wrong, without repeating a password. Pure. */
bool sentinel_url_parse(const char *text, sentinel_url *ret, err *e) MUST_CHECK;
void sentinel_url_clear(sentinel_url *u);
/* As people may see it: without the password; free() it. It parses to the same again. */
char *sentinel_url_show(const sentinel_url *u);

/* Who we are at the Sentinels; both NULL: nobody, and nothing is sent. */
typedef struct {
    const char *user;
    const secret *password;
} sentinel_login;

/* Asks one after the other, until one names a server that answers as a primary: its URL. Those that
 * did not are named in a warning, or in the error when none did. */
bool sentinel_find(net_loop *l,
                   const sentinel_url *u,
                   const sentinel_login *login,
                   engine_url *ret,
                   err *e) MUST_CHECK;
