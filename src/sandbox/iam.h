/* sandbox/iam.h: whether what a client gave as the password of an IAM user is a token of that user
 * for that cache, as the service checks it at AUTH and HELLO. Pure.
 * Source: docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html. */
#pragma once
#include "base/err.h"
#include "base/span.h"

#define IAM_AHEAD_MS INT64_C(300000) /* of a clock; the service tells no figure */

typedef struct {
    const char *access_key_id;
    const char *secret_key;
    const char *region;
    const char *cache; /* id of the replication group */
} iam_keys;

/* ERR_AUTH says what is wrong with it: for the sandbox's log, never for the client. */
bool iam_check(const iam_keys *k, span user, span token, int64_t wall_ms, err *e) MUST_CHECK;
