/* engine/reach.h: from here to a server, step by step: name, address, TCP, TLS, AUTH, PING, use.
 *
 * Each step is told apart, and a failure has a cause: a row of a table that says what it is on
 * ElastiCache most of the time. Only reads: AUTH, PING, EXISTS of a key that nobody has, INFO. */
#pragma once
#include "engine/endpoint.h"
#include "engine/engine.h"

typedef enum {
    REACH_NAME,
    REACH_ADDRESS, /* is there a way to it */
    REACH_TCP,
    REACH_TLS,
    REACH_AUTH,
    REACH_PING,
    REACH_USE, /* may a client that knows no cluster mode use it */
    REACH_STEP_COUNT
} reach_step;

typedef enum { REACH_NOT_TRIED, REACH_GOOD, REACH_LEFT_OUT, REACH_BAD } reach_state;

/* Why it cannot be reached; one row of the table each. */
typedef struct {
    const char *id; /* stable: "tcp-silent" */
    reach_step step;
    const char *title;
    const char *likely; /* on AWS */
    const char *check;  /* what to look at, what to do */
} reach_cause;

typedef struct {
    struct {
        reach_state state;
        int64_t took_ns;
        char said[480]; /* what was found */
    } steps[REACH_STEP_COUNT];
    const reach_cause *cause; /* NULL: reachable */
    err trouble;              /* of the step that failed */
    char from[64];            /* our address on the way there; empty: unknown */
    endpoint endpoint;
    net_trace trace;
} reach_result;

/* False: it could not be tried, for a file of ours cannot be used. Whether the server can be
 * reached is in the result. `timeout_ms`: for connecting, and for each answer. */
bool reach_run(net_loop *l,
               const engine_url *url,
               err_side side,
               int timeout_ms,
               reach_result *ret,
               err *e) MUST_CHECK;
const char *reach_step_name(reach_step s);
/* The n-th row of the table of causes; NULL: there are no more. */
const reach_cause *reach_cause_at(size_t n);
