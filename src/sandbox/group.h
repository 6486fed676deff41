/* sandbox/group.h: a replication group as the state keeps it, and as the API shows it.
 *
 * {description, engine, version, program, node_type, port, parameter_group, tls, tokens, open,
 *  user_groups, primary_host, nodes: [{id, host, zone, created, is_primary}], status,
 *  task: {kind, step, due_ms}, ...}. Passwords are kept as SHA-256 only, as the engines take them.
 */
#pragma once
#include "sandbox/api.h"

#define GROUP_NODE "0001" /* the one node group of a group without cluster mode */
#define GROUP_NODES_MAX 6 /* one primary, five replicas: auth-and-network section 8 */

json_t *group_find(sandbox *s, const char *id); /* NULL: there is none */
/* The same for a call; the fault of the service otherwise. `available`: it must be that. */
bool group_of_call(api_call *c, bool available, const char **ret_id, json_t **ret);
json_t *group_primary(const json_t *g);
/* The node of that id in any group; NULL: there is none. */
json_t *group_node_find(sandbox *s, const char *node_id, const char **ret_id, json_t **ret_group);
/* Adds a node (not running yet) to the group. */
json_t *group_node_add(sandbox *s, const char *id, json_t *g, bool is_primary);
/* What is to be done about the group, from its first step. `status` is shown meanwhile. */
void group_task(sandbox *s, json_t *g, const char *kind, const char *status);
bool group_answer(sandbox *s, const char *id, json_t *g, json_t **ret);
json_t *group_show(sandbox *s, const char *id, json_t *g);
json_t *group_node_show(sandbox *s, const char *id, json_t *g, json_t *node, bool with_nodes);

/* Names of the group (group_name_...): "master.mine.abc123.use1.cache.sandbox.test". */
typedef enum { NAME_PRIMARY, NAME_READER, NAME_NODE } group_name_kind;
typedef struct {
    char text[192];
} group_name;
group_name group_name_of(
    sandbox *s, const char *id, const json_t *g, group_name_kind kind, const char *node_id);

/* "ab12..." of a password. */
void password_hash(const char *password, char ret[65]);
/* The AUTH token rules of the service: length and characters. */
bool token_check(api_call *c, const char *token);
/* The users of a group as the engine takes them: [["default", "on", "#ab12", ...], ...]. */
json_t *users_rules(sandbox *s, const json_t *g);
/* Those of them that log in with an IAM token: " one two ", or " " alone; free() it. */
char *users_by_iam(sandbox *s, const json_t *g);
/* User groups named in a call's list are there; a cache takes one. */
bool user_groups_take(api_call *c, const char *list, json_t *into);
/* The engines of every group with this user group learn its users again. */
void user_groups_tell(sandbox *s, const char *user_group);
