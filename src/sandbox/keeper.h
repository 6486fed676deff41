/* sandbox/keeper.h: does what takes time: the tasks of groups, step by step, on real engines.
 *
 * A task is a row of steps. A step is tried again at each turn until it is done; then the task goes
 * on to the next, after the delay of that one (the service's seconds, compressed). The place in the
 * task is kept in the state, so that it goes on after a restart. */
#pragma once
#include "sandbox/node.h"

void keeper_init(keeper *k, sandbox *s);
/* Starts the engines of the groups that were there before, and the relay. */
bool keeper_begin(keeper *k, err *e) MUST_CHECK;
/* One turn: every group's task, what was changed by the API, engines that ended by themselves. The
 * caller holds the lock. */
void keeper_turn(keeper *k);
/* Ends every engine; their data is saved. */
void keeper_end(keeper *k);

typedef step keeper_step(keeper *k, const char *id, json_t *g, err *e);
/* replica_write.c: closes clients that wrote to a replica. */
void replica_writes_turn(keeper *k, json_t *g);
/* failover.c */
keeper_step failover_called, failover_cut, failover_promote, failover_names, failover_recover,
    failover_end;
/* Sends every node to the primary that the state names, and gives the addresses to their roles. */
bool roles_apply(keeper *k, json_t *g, err *e) MUST_CHECK;
