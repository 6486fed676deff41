/* audit/plan_draft.h: what the rules found that a plan of the target needs, and the first draft of
 * such a plan (docs/provision.md). It is read by 'handover provision' as it is; what the audit
 * cannot know stands in it as a comment. */
#pragma once
#include "audit/audit_internal.h"
#include "audit/parameter_group.h"

#define PLAN_DRAFT_USERS_MAX ((size_t)100) /* of a user group */

typedef struct plan_draft {
    arena memory;
    parameter_group parameters;
    size_t user_count;
    struct {
        const char *name;
        const char *access;
        bool is_open; /* without a password */
    } users[PLAN_DRAFT_USERS_MAX];
    size_t left_count;
    struct {
        const char *name;
        const char *why;
    } left[PLAN_DRAFT_USERS_MAX]; /* users of the source that the plan has not */
    bool has_password;            /* requirepass: the AUTH token, when there are no users */
    bool has_tls;
    bool is_cluster;
} plan_draft;

void plan_draft_parameters(plan_draft *d, const parameter_group *g);
void plan_draft_user(plan_draft *d, const char *name, const char *access, bool is_open);
/* A user of the source that does not become one of the target; `why` stands beside its name. */
void plan_draft_leave(plan_draft *d, const char *name, const char *why);
/* A new file; ERR_USAGE: it is there already. */
bool plan_draft_write(const plan_draft *d,
                      const audit_facts *f,
                      const knowledge_target *t,
                      const char *path,
                      err *e) MUST_CHECK;
