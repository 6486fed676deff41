/* engine/engine.h: a client of one server: connected, authenticated, on one loop.
 *
 * Two ways to use one, never mixed while answers are outstanding: calls that wait (everything but
 * the data path), and the bare connection (engine_conn) for pipelines. After any call answered
 * false because of the connection (ERR_IO, ERR_TIMEOUT, ERR_FORMAT) the client is of no more use:
 * free it and open another (engine_is_usable tells). An error that the *server* answers is
 * ERR_REFUSED and harmless.
 *
 * Where the URL has a login (engine/login.h), a connection whose login has grown old logs in again:
 * calls do so by themselves, who uses the bare connection calls engine_renew. */
#pragma once
#include "base/mem.h"
#include "engine/url.h"
#include "net/net.h"
#include "resp/command.h"
#include "resp/reply.h"

typedef struct engine engine;

typedef struct {
    const engine_url *url;
    err_side side;    /* errors name it; it decides the exit code */
    const char *name; /* for CLIENT SETNAME; NULL: none */
    int timeout_ms;   /* for connecting, and for each call that names none */
    size_t in_max;    /* 0: 4 MiB and more as answers need, 1 GiB at most */
    size_t out_max;   /* 0: as in_max */
    bool select_db;   /* SELECT the URL's database */
} engine_options;

/* Only connects (and shakes hands): no command is sent. The trace is filled in any case. */
bool engine_connect(net_loop *l, const engine_options *o, net_trace *trace, engine **ret, err *e)
    MUST_CHECK;
/* Connects, AUTH, CLIENT SETNAME, SELECT. ERR_AUTH when the password or user is wrong. */
bool engine_open(net_loop *l, const engine_options *o, engine **ret, err *e) MUST_CHECK;
void engine_free(engine *s); /* closes; NULL is fine */
/* The AUTH that the URL asks for; its answer as a value, NULL when it asks for none. A password
 * that could not be made is an error that names no side. */
bool engine_authenticate(engine *s, const engine_url *url, arena *memory, const reply **ret, err *e)
    MUST_CHECK;
/* The connection's login is so old that it has to be renewed. NULL: there is none. */
bool engine_is_stale(const engine *s);
/* Logs in again when it is stale; when no password can be made (ERR_AWS), the old login goes on and
 * it is tried again in a minute. Not while answers are outstanding, nor inside MULTI. */
bool engine_renew(engine *s, err *e) MUST_CHECK;
/* False: a call failed because of the connection, or the other side has left meanwhile. Not while
 * answers are outstanding. */
bool engine_is_usable(engine *s);
net_conn *engine_conn(engine *s);
err_side engine_side(const engine *s);

/* One command, its answer in the arena. `engine_ask` takes an error answer as a failure
 * (ERR_REFUSED, the text is the server's); `engine_try` hands it over as a value. */
bool engine_try_spans(
    engine *s, arena *memory, const reply **ret, err *e, size_t count, const span *args) MUST_CHECK;
bool engine_try_texts(engine *s,
                      arena *memory,
                      const reply **ret,
                      err *e,
                      size_t count,
                      const char *const *args) MUST_CHECK;
bool engine_ask_spans(
    engine *s, arena *memory, const reply **ret, err *e, size_t count, const span *args) MUST_CHECK;
bool engine_ask_texts(engine *s,
                      arena *memory,
                      const reply **ret,
                      err *e,
                      size_t count,
                      const char *const *args) MUST_CHECK;
#define ENGINE_TEXTS(...)                                                                          \
    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), (const char *const[])       \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define engine_try(s, memory, ret, e, ...)                                                         \
    engine_try_texts(s, memory, ret, e, ENGINE_TEXTS(__VA_ARGS__))
#define engine_ask(s, memory, ret, e, ...)                                                         \
    engine_ask_texts(s, memory, ret, e, ENGINE_TEXTS(__VA_ARGS__))

/* `count` commands already in wire form, sent in one go; their answers in order, error answers as
 * values. */
bool engine_pipeline(
    engine *s, arena *memory, span commands, size_t count, const reply **ret, err *e) MUST_CHECK;
/* A call on this client may take this long from now on. */
void engine_set_timeout(engine *s, int timeout_ms);

/* INFO of one section (NULL: default), as the server's text. */
bool engine_info(engine *s, arena *memory, const char *section, span *ret, err *e) MUST_CHECK;
/* The value of a setting; ret is empty (at == NULL) when the server has none of that name. */
bool engine_config(engine *s, arena *memory, const char *name, span *ret, err *e) MUST_CHECK;
