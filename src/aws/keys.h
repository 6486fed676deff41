/* aws/keys.h: an access key with its secret, and the JSON in which the programs and servers that
 * give them out hand them over. Pure. */
#pragma once
#include "base/err.h"
#include "base/secret.h"

#define AWS_KEY_ID_MAX 128

typedef struct {
    char id[AWS_KEY_ID_MAX + 1];
    secret key;
    secret token;       /* empty: they are long-lived */
    int64_t expires_ms; /* wall clock; 0: not known to end */
} aws_keys;
void aws_keys_clear(aws_keys *k);

/* AccessKeyId, SecretAccessKey, SessionToken or Token, Expiration: of a credential process, a
 * container or an instance. `process`: "Version": 1 is asked for. ERR_FORMAT, ERR_LIMIT. */
bool aws_keys_read_json(span text, bool process, aws_keys *ret, err *e) MUST_CHECK;
/* From the three texts; `token` and `expiration` may be empty. */
bool aws_keys_make(span id, span key, span token, span expiration, aws_keys *ret, err *e)
    MUST_CHECK;
/* "2026-11-28T14:00:00Z", also with a fraction or an offset "+01:00". */
bool aws_time_read(span text, int64_t *ret_wall_ms, err *e) MUST_CHECK;
