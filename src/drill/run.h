/* drill/run.h: what the parts of one run share. */
#pragma once
#include "drill/check.h"
#include "drill/group.h"

typedef struct {
    const drill_options *o;
    drill_result *r;
    arena memory;
    net_loop *loop;
    engine *old;          /* connected before the failover, to the primary of then */
    engine *now;          /* to the new primary, once the endpoint leads there */
    const char *identity; /* of the old primary: its run id */
    span old_before;      /* CLIENT LIST of then */
    client *clients;      /* canaries first */
    size_t canary_count, count;
    atomic_bool stop; /* of the canaries */
    pthread_t reader; /* of the commands */
    bool has_reader;
    atomic_bool reader_stop;
    char folder[1024]; /* in TMPDIR or /tmp; holds the password's file; "" */
    char password_file[1024 + 16];
    group_watch group;
    int64_t began_ns; /* when the failover was asked for, or first noticed */
    int64_t moved_ns; /* when the endpoint led to the new primary; 0: not yet */
    int64_t ended_ns; /* when the clients were stopped */
} run;

/* fleet.c: all clients together. */
bool fleet_start(run *x, err *e) MUST_CHECK;
/* Until each has written once. ERR_STATE names one that does not, with what it met. */
bool fleet_wait(run *x, err *e) MUST_CHECK;
/* Every one has a write on the new primary that is younger than the move, and goes on. */
bool fleet_is_back(run *x, bool *ret, err *e) MUST_CHECK;
bool fleet_noticed(run *x); /* one has failed since the start */
void fleet_end(run *x);
/* Reads back what they wrote, and fills the result. */
bool fleet_judge(run *x, err *e) MUST_CHECK;
bool fleet_remove(run *x, err *e) MUST_CHECK;
