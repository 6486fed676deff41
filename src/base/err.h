/* base/err.h: one error: a kind to branch on, a text for people, what to do about it, and whose
 * side it is (that decides the exit code).
 *
 * A function that can fail fills an err and answers false. Context is added outward with
 * err_wrap, once per layer; the advice (err_hint) is given where it is known, the innermost wins.
 * Libraries never print an err: the command line does, once. */
#pragma once
#include "base/base.h"

typedef enum {
    ERR_NONE,
    ERR_FORMAT,  /* bytes from outside that no version writes */
    ERR_LIMIT,   /* a named limit of ours was reached */
    ERR_IO,      /* files, sockets */
    ERR_TLS,     /* handshake or certificate */
    ERR_AWS,     /* an answer of an AWS service */
    ERR_AUTH,    /* password, user, right */
    ERR_TIMEOUT, /* a deadline passed */
    ERR_STATE,   /* not now: the move, the server or the file is in another state */
    ERR_REFUSED, /* a server answered with an error */
    ERR_USAGE,   /* the command line or the configuration */
    ERR_STOPPED, /* asked to stop */
} err_kind;

typedef enum { SIDE_NONE, SIDE_SOURCE, SIDE_TARGET } err_side;

typedef struct {
    err_kind kind;
    err_side side;
    char text[480];
    char hint[320]; /* what to do; empty when nobody knew */
} err;

/* Sets the error; always answers false, so that a caller writes `return err_set(...)`. */
bool err_set(err *e, err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same with the text of an errno value behind it. Kind ERR_IO. */
bool err_sys(err *e, int error_number, const char *format, ...) PRINTF_LIKE(3, 4);
/* Puts "context: " in front of the text. Answers false. */
bool err_wrap(err *e, const char *format, ...) PRINTF_LIKE(2, 3);
/* Says what to do, unless something nearer to the cause already did. Answers false. */
bool err_hint(err *e, const char *format, ...) PRINTF_LIKE(2, 3);
/* Names the side, unless it is already named. Answers false. */
bool err_blame(err *e, err_side side);
/* For parsers: the text ends in ", at offset N". Answers STEP_BAD. */
step err_at(err *e, err_kind kind, uint64_t offset, const char *format, ...) PRINTF_LIKE(4, 5);
