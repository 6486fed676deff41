/* aws/iam_token.h: the password of an IAM user of ElastiCache: a presigned request to the cache's
 * name, with the scheme cut off. Pure.
 *
 * It is good for AUTH and HELLO during 900 s from its date; the connection lives 12 h from then,
 * and 12 h more from each further AUTH. Source: docs.aws.amazon.com/AmazonElastiCache/latest/dg/
 * auth-iam.html and aws/developer-toolkit-elasticache on GitHub. */
#pragma once
#include "aws/sigv4.h"
#include "base/secret.h"

#define IAM_TOKEN_LIFE_S 900
#define IAM_CONNECTION_LIFE_S (12 * 3600)

typedef struct {
    const char *cache; /* id of the replication group, or name of the serverless cache; no host */
    bool serverless;
    const char *user; /* id and name of the user: with IAM they are one */
    const char *region;
} iam_user;

/* `session_token` empty: long-lived credentials. ERR_LIMIT: it does not fit into a secret. */
bool iam_token_make(const iam_user *u,
                    const char *access_key_id,
                    span secret_key,
                    span session_token,
                    int64_t wall_ms,
                    secret *ret,
                    err *e) MUST_CHECK;

/* A token as a server receives it: the parts, and the request its signature is to be made over.
 * ERR_FORMAT says what is wrong. The spans point into the token and into `memory`. */
typedef struct {
    span cache;
    span user;
    bool serverless;
    sigv4_claim claim;
    span query;
} iam_claim;
bool iam_token_read(span token, buf *memory, iam_claim *ret, err *e) MUST_CHECK;
/* Whether it is signed with this key. */
bool iam_token_is_signed(const iam_claim *c, span secret_key, bool *ret, err *e) MUST_CHECK;
