/* provision/call.h: one request to ElastiCache before it is sent: an action and its parameters, of
 * which some are secrets that stand in it only as references. So the same thing is sent, printed as
 * a command of the AWS CLI, and shown. Pure but for call_send. */
#pragma once
#include "aws/query.h"
#include "base/secret.h"
#include "provision/plan.h"

#define CALL_FIELDS_MAX ((size_t)400)

typedef struct {
    const char *name; /* "Tags.Tag.1.Key" */
    const char *value;
    bool is_reference; /* the value is "env:NAME" or "file:PATH" of a secret */
} call_field;

typedef struct {
    const char *action;
    call_field *fields;
    size_t count;
} call;

call call_of(arena *memory, const char *action);
void call_add(call *c, const char *name, const char *value);
void call_add_secret(call *c, const char *name, const char *reference);
/* "SubnetIds.SubnetIdentifier.N" of a list. */
void call_add_list(call *c, arena *memory, const char *name, const plan_list *list);
/* The plan's tags, and the one by which we know what is ours. */
void call_add_tags(call *c, arena *memory, const plan *p);
#define TAG_PLAN "handover:plan" /* its value is the plan's name */

/* The secret that a reference names, held to the rules of AUTH tokens or of users' passwords. */
typedef enum { SECRET_TOKEN, SECRET_PASSWORD } secret_kind;
bool reference_read(const char *reference, secret_kind kind, secret *ret, err *e) MUST_CHECK;

bool call_send(struct aws_session *s,
               const call *c,
               int64_t deadline_ns,
               arena *memory,
               const xml_node **ret,
               aws_fault *ret_fault,
               err *e) MUST_CHECK;

/* The calls that make everything of a plan, in order, by the kinds of resources. */
call call_create_parameter_group(arena *memory, const plan *p);
/* Values of a parameter group: at most 20 a call. NULL value: back to the default. */
typedef struct {
    const char *name;
    const char *value;
} call_parameter;
#define CALL_PARAMETERS_MAX ((size_t)20)
call call_modify_parameters(arena *memory,
                            const char *group,
                            const call_parameter *list,
                            size_t count);
call call_reset_parameters(arena *memory,
                           const char *group,
                           const call_parameter *list,
                           size_t count);
call call_create_subnet_group(arena *memory, const plan *p);
call call_create_user(arena *memory, const plan *p, const plan_user *u);
call call_create_user_group(arena *memory, const plan *p);
call call_create_group(arena *memory, const plan *p);
