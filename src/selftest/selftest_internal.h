/* selftest/selftest_internal.h: one run. */
#pragma once
#include "engine/engine.h"
#include "knowledge/knowledge.h"
#include "selftest/selftest.h"

#define SELFTEST_PREFIX "handover:selftest:"

typedef struct {
    const selftest_options *o;
    report *r;
    net_loop *loop;
    engine *server; /* NULL: it closed the connection; the next call opens another */
    deployment kind;
    engine_version version; /* major 0: it does not say */
    const char *user;       /* "": the target does not say */
    size_t asked, as_said, differ, learned, unclear;
} selftest;

/* One command, its answer as a value. A connection that ends is opened once again; the err is of
 * the one that ended. */
bool selftest_ask(selftest *t,
                  arena *memory,
                  const reply **ret,
                  err *e,
                  size_t count,
                  const span *args) MUST_CHECK;

/* What the target said, for a report that is sent on: without the user's name. */
const char *selftest_words(selftest *t, span text, size_t max);

/* What an answer says of the command that was sent in a form that nothing runs. Pure. */
typedef enum {
    SELFTEST_THERE,   /* it was refused for its arguments, or it ran */
    SELFTEST_ABSENT,  /* no such command */
    SELFTEST_REFUSED, /* it is there, and not for this user */
    SELFTEST_UNCLEAR, /* the words fit both */
} selftest_presence;
selftest_presence selftest_presence_of(const reply *answer);

/* The commands that a cell of the table names: "CLUSTER INFO / NODES" are two. Words that are no
 * command ("any write sent to a replica") are none. Pure. */
typedef struct {
    const char *command, *subcommand; /* "" */
} selftest_name;
size_t selftest_names(
    const char *command, const char *subcommand, arena *memory, selftest_name *ret, size_t max);

/* Both fill their section and count. False: the target is lost. */
bool selftest_commands(selftest *t, err *e) MUST_CHECK;
bool selftest_moves(selftest *t, err *e) MUST_CHECK;
