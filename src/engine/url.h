/* engine/url.h: where a server is and who we are there: redis://[user[:password]@]host[:port][/db],
 * or unix://[user[:password]@]/path[?db=N] for a Unix socket of this machine. file:PATH is no
 * server but an RDB file: only what loads one takes it.
 *
 * The password is percent-decoded into a secret; everything shown to people leaves it out.
 * "rediss" is TLS; what it needs beyond the URL (files, a name) is kept beside it. */
#pragma once
#include "base/err.h"
#include "base/secret.h"
#include "engine/login.h"

#define ENGINE_PORT_DEFAULT 6379

/* What TLS may need beyond the URL; none has to be given. */
typedef enum {
    ENGINE_TLS_CA,   /* file or directory: whom to trust instead of the system's list */
    ENGINE_TLS_CERT, /* file: who we are */
    ENGINE_TLS_KEY,  /* file: the key of that */
    ENGINE_TLS_NAME, /* no file: what the certificate must be for instead of the host */
    ENGINE_TLS_COUNT
} engine_tls_part;
/* "ca", "cert", "key", "tls-name": of options ("--source-ca") and of what a journal keeps. */
extern const char *const engine_tls_names[ENGINE_TLS_COUNT];

typedef struct {
    char *host;    /* a name or address; the path of a Unix socket, or of a file */
    uint16_t port; /* 0: a Unix socket */
    int db;
    bool tls;
    bool is_file;
    char *tls_parts[ENGINE_TLS_COUNT]; /* NULL: not given */
    char *user;                        /* NULL: the default user */
    secret password;
    engine_login *login; /* makes the password instead; NULL: nobody. Held by each copy */
    char *asked;         /* how it was named when that is no URL of a server; else NULL */
} engine_url;

/* ERR_USAGE says which part is wrong, without repeating a password. */
bool engine_url_parse(const char *text, engine_url *ret, err *e) MUST_CHECK;
/* "host[:port]", "[address][:port]"; free() the host. Port 0: none was given. */
bool engine_address_parse(span s, char **ret_host, uint16_t *ret_port, err *e) MUST_CHECK;
void engine_url_clear(engine_url *u);
engine_url engine_url_copy(const engine_url *u);
/* "redis://app@10.0.0.7:6379/2", no password; free() it. It parses to the same again. */
char *engine_url_show(const engine_url *u);
bool engine_url_is_socket(const engine_url *u);
/* "10.0.0.7:6379", or the path of the socket; free() it. */
char *engine_url_place(const engine_url *u);
