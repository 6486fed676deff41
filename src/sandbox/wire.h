/* sandbox/wire.h: what a client sends to an engine, passed on byte for byte but for the passwords
 * of logins: AUTH and HELLO ... AUTH are held until they are whole. Pure.
 *
 * Commands stream through: of the others nothing is held but one line. What is no command goes on
 * as it is, for the engine to answer. Format: valkey.io/topics/protocol, inline commands included.
 */
#pragma once
#include "base/buf.h"

#define WIRE_LINE_MAX ((size_t)64 * KIB) /* the engines' own limit of an inline command */
#define WIRE_LOGIN_MAX ((size_t)64 * KIB)
#define WIRE_LOGIN_ARGS_MAX 12

/* What to send instead of the password. The user "default" when none is named. */
typedef span wire_login(void *context, span user, span password);

typedef struct {
    buf line; /* of a header or an inline command, not whole yet */
    buf held; /* a command that is or may be a login */
    bool holding;
    bool raw;            /* no command could be read: all goes on as it is */
    uint64_t args_left;  /* of the command; 0: at its beginning */
    uint64_t bytes_left; /* of the argument, its line end included; 0: its header comes */
    size_t arg_count;    /* of those held */
    struct {
        size_t at;
        size_t size;
    } args[WIRE_LOGIN_ARGS_MAX]; /* in `held` */
} wire;

void wire_init(wire *w);
void wire_clear(wire *w);
/* Takes all of `in`. False: `out` is full (it has to take what is fed, what is held, and a
 * password). */
bool wire_feed(wire *w, span in, wire_login *login, void *context, buf *out) MUST_CHECK;
