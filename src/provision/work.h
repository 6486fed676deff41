/* provision/work.h: the five kinds of resources, and what one run knows of them. */
#pragma once
#include "provision/call.h"
#include "provision/provision.h"

typedef enum {
    KIND_PARAMETER_GROUP,
    KIND_SUBNET_GROUP,
    KIND_USER,
    KIND_USER_GROUP,
    KIND_GROUP,
    KIND_COUNT
} kind;

typedef struct {
    const char *name;     /* for people: "parameter group" */
    const char *id;       /* the parameter that names one: "CacheParameterGroupName" */
    const char *describe; /* the action */
    const char *list;     /* where its rows stand in the answer */
    const char *missing;  /* the fault of one that is not there */
    const char *delete_action;
    const char *ready; /* its status when it can be used; NULL: it has none */
} kind_row;
const kind_row *kind_row_of(kind k);

typedef struct {
    const provision_options *o;
    const plan *p;
    struct aws_session *s;
    arena *memory;
    int64_t deadline_ns;
    int64_t began_ms; /* wall clock: events since then are told */
    size_t changes;   /* calls sent, or shown in a dry run */
} work;

typedef struct {
    kind kind;
    const char *id;
    const plan_user *user; /* of KIND_USER */
    bool exists;
    bool is_ours;
    bool is_veiled; /* its tags cannot be read now: the service tells them of available ones only */
    const xml_node *xml; /* as the service describes it */
    const char *arn;
    const char *status;
} thing;

/* What there is of that name. False: it could not be asked. */
bool thing_look(work *w, kind k, const char *id, thing *ret, err *e) MUST_CHECK;
/* Of every kind, all that carry the plan's tag. */
bool things_of_plan(work *w, kind k, thing **ret, size_t *ret_count, err *e) MUST_CHECK;
/* Until it has its ready status. Tells events of a replication group as they come. */
bool thing_wait(work *w, thing *t, err *e) MUST_CHECK;
/* Until its nodes have taken over what was changed in their parameter group. */
bool parameters_wait(work *w, const thing *group, err *e) MUST_CHECK;
bool thing_wait_gone(work *w, const thing *t, err *e) MUST_CHECK;
/* Sends, or shows in a dry run. `*ret_answer` (may be NULL) is NULL in a dry run. */
bool work_call(work *w, const call *c, aws_fault *ret_fault, err *e) MUST_CHECK;
/* An answer of a service with what to do about it; answers false. */
bool fault_explain(const aws_fault *f, const char *action, const work *w, err *e);
/* Asked to stop: ERR_STOPPED. */
bool work_goes_on(const work *w, err *e) MUST_CHECK;

/* Sends what makes an existing thing as the plan has it (compare.c). */
bool thing_change(work *w, thing *t, err *e) MUST_CHECK;
/* All parameters of the group as "name" -> value (NULL: none of that name). */
typedef struct {
    const char *name;
    const char *value;
    bool is_user; /* set by somebody, not the default */
} group_parameter;
bool parameters_read(work *w, const char *group, group_parameter **ret, size_t *ret_count, err *e)
    MUST_CHECK;
/* The rules of two access strings are the same; the service writes some defaults into them. */
bool access_is_same(const char *wanted, const char *there);
bool version_is_same(const char *wanted, const char *there);

/* One of the group's nodes, as DescribeCacheClusters tells it; NULL: none. */
bool node_look(work *w, const thing *group, const xml_node **ret, err *e) MUST_CHECK;

/* The checks, into the report (check.c). */
bool checks_run(work *w, report *r, err *e) MUST_CHECK;
/* A call as a command of the AWS CLI (show.c). */
void call_show(FILE *out, const call *c);
