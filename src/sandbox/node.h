/* sandbox/node.h: one engine: started, spoken to, ended. Only the keeper's thread calls these.
 *
 * An engine runs in WORKDIR/nodes/ID, with what it says in engine.log. It is a child that the
 * kernel kills when the keeper's thread ends. It is spoken to over a Unix socket in that folder, as
 * a user of the sandbox's own, under the secret names of the commands that clients cannot see. */
#pragma once
#include <sys/types.h>

#include "engine/engine.h"
#include "sandbox/group.h"

#define NODE_USER "sandbox-keeper"
#define NODE_TIMEOUT_MS 1500

typedef struct {
    char id[64]; /* empty: a frozen one that nobody is any more */
    pid_t pid;
    int64_t readonly_errors; /* of replica_write.c */
    int64_t own_connections; /* that node_ask made to it: its metrics are without them */
    int64_t own_commands;    /* and what these sent, logins included */
    bool readonly_is_known;
    bool is_frozen; /* stopped by a silent failover: not to be asked */
    bool is_left; /* a failover went past it: it serves its old connections, and nobody leads it */
} node_process;

typedef struct keeper {
    sandbox *s;
    net_loop *loop;
    struct relay *relay; /* in front of nodes with IAM users */
    struct meter *meter; /* of their metrics */
    struct copying *copying;
    uint64_t turns;
    node_process rows[300];
    size_t count;
} keeper;

node_process *node_process_find(keeper *k, const char *node_id);
/* Writes its configuration and starts it. */
bool node_start(keeper *k, const char *group_id, json_t *g, json_t *node, err *e) MUST_CHECK;
/* Saves its data and ends it; kills it when it does not within the deadline. */
void node_end(keeper *k, const char *node_id, bool save);
void node_kill(keeper *k, const char *node_id);
void node_freeze(keeper *k, const char *node_id);
/* What it would load when it starts. */
void node_empty(const char *node_id);
/* Removes what it had on disk. */
void node_forget(keeper *k, const char *node_id);
/* One command; the hidden ones under their plain names. ERR_REFUSED: the engine said no. */
bool node_ask(keeper *k,
              const char *node_id,
              arena *memory,
              const reply **ret,
              err *e,
              size_t count,
              const char *const *args) MUST_CHECK;
/* It answers, and has its data loaded (and, as a replica, its primary's). */
bool node_is_ready(keeper *k, const json_t *node);

/* node_conf.c: the configuration file. */
bool node_conf_write(keeper *k, const char *group_id, json_t *g, json_t *node, err *e) MUST_CHECK;
/* Users and parameters again, on an engine that runs. */
bool node_users_apply(keeper *k, json_t *g, const char *node_id, err *e) MUST_CHECK;
bool node_parameters_apply(keeper *k, json_t *g, json_t *node, err *e) MUST_CHECK;
/* The addresses it listens on: its own, and those of its role. */
bool node_addresses_apply(keeper *k, const json_t *g, const json_t *node, bool with_role, err *e)
    MUST_CHECK;
