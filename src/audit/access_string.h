/* audit/access_string.h: the rules of an ACL user as an access string of ElastiCache. Pure.
 *
 * Rules:
 * https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html#Access-string */
#pragma once
#include "audit/audit_internal.h"

typedef struct {
    const char *text; /* "on ~cart:* +@read -keys" */
    const char *lost; /* "+config: CONFIG is blocked there; …"; "" when all is carried */
} access_string;

/* `rules` as a fact_user has them: no passwords in them. */
access_string
access_string_make(const char *rules, const knowledge_target *t, deployment d, arena *memory);
