/* sandbox/api.h: the operations of the API: one row each, with its parameters and its handler.
 *
 * A handler runs under the sandbox's lock, must not wait, and changes the state only when it
 * succeeds: what takes time is noted as a task of the group (keeper.h) and done by the keeper. */
#pragma once
#include "sandbox/form.h"
#include "sandbox/state.h"

typedef struct {
    unsigned status; /* HTTP */
    const char *code;
    char message[512];
} api_error;

/* Sets the error; answers false. 404 for "...NotFound...", 500 and 501 where they belong, else 400
 * as the service has it (reference: api-operations, errors by operation). */
bool api_fail(api_error *e, const char *code, const char *format, ...) PRINTF_LIKE(3, 4);

typedef struct {
    sandbox *s;
    const form *q;
    api_error *e;
} api_call;

/* `*ret` is the result (owned by the caller), left NULL by operations that have none. */
typedef bool api_handler(api_call *c, json_t **ret);

typedef struct {
    const char *service; /* as the signature names it */
    const char *name;
    /* Names apart by blanks; "!" behind one: it is needed; "." behind one: a list of that name. Any
     * other parameter is refused: the sandbox does not pretend to have heeded it. */
    const char *parameters;
    api_handler *run;
} api_operation;

/* The whole call: finds the operation, checks its parameters, runs it. */
bool api_run(sandbox *s,
             const char *service,
             const form *q,
             const char **ret_operation,
             json_t **ret,
             api_error *e) MUST_CHECK;
const api_operation *api_operation_at(size_t n); /* NULL: no more */

/* For handlers. A parameter's text, or NULL; as a flag; as a number within limits. */
const char *call_text(const api_call *c, const char *name);
bool call_flag(const api_call *c, const char *name, bool otherwise, bool *ret) MUST_CHECK;
bool call_number(const api_call *c, const char *name, int64_t min, int64_t max, int64_t *ret)
    MUST_CHECK; /* *ret stays when it is not there */
/* An identifier as the service takes them, in small letters. */
bool call_identifier(const api_call *c, const char *name, size_t max, char ret[64]) MUST_CHECK;
/* Cuts the page that MaxRecords and Marker ask for out of `all`, and puts it into {name: page,
 * Marker}. Takes `all` over. */
bool call_page(const api_call *c, const char *name, json_t *all, json_t **ret) MUST_CHECK;
/* The same for an operation whose pages have another size. */
bool call_page_of(const api_call *c, const char *name, json_t *all, int64_t most, json_t **ret)
    MUST_CHECK;
/* Takes over Tags of the call for a new resource. */
bool call_tags(const api_call *c, json_t *arn) MUST_CHECK;
void tags_forget(sandbox *s, json_t *arn); /* frees arn */
/* A wish of a caller that the sandbox does not have. */
bool call_lacks(const api_call *c, const char *what);

api_handler api_create_replication_group, api_describe_replication_groups,
    api_modify_replication_group, api_delete_replication_group, api_test_failover,
    api_increase_replicas, api_decrease_replicas, api_describe_cache_clusters,
    api_reboot_cache_cluster, api_create_parameter_group, api_describe_parameter_groups,
    api_modify_parameter_group, api_reset_parameter_group, api_delete_parameter_group,
    api_describe_parameters, api_describe_default_parameters, api_describe_engine_versions,
    api_create_subnet_group, api_describe_subnet_groups, api_delete_subnet_group,
    api_modify_subnet_group, api_describe_events, api_add_tags, api_list_tags, api_remove_tags,
    api_create_user, api_describe_users, api_modify_user, api_delete_user, api_create_user_group,
    api_describe_user_groups, api_modify_user_group, api_delete_user_group, api_get_caller_identity,
    api_create_snapshot, api_describe_snapshots, api_copy_snapshot, api_delete_snapshot;
