/* aws/credentials.h: who we are at AWS: the standard chain, and new keys before the old ones end.
 *
 * In order: environment, web identity (environment, profile), profile, credential_process,
 * container, instance. With a profile named by an option the environment's keys are passed over.
 * The first that is set up decides: when it fails, that is the error.
 * Source: docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html. */
#pragma once
#include "aws/http.h"
#include "aws/keys.h"
#include "aws/profile.h"

#define AWS_REFRESH_MS (INT64_C(5) * 60 * 1000) /* so long before their end keys are renewed */

typedef struct {
    const profile *profile;
    bool profile_first; /* an option named it */
    struct http *http;
    const char *region;       /* of STS, for a web identity; NULL: not known */
    const char *endpoint_url; /* asked for by an option, for all services; NULL: none */
} aws_identity;

struct aws_credentials;
/* What `i` points to stays the caller's and outlives it. */
struct aws_credentials *aws_credentials_new(const aws_identity *i);
void aws_credentials_free(struct aws_credentials *c);
/* Valid until the next call. Keys that end within AWS_REFRESH_MS are renewed; when that fails they
 * are used to their end. ERR_AWS with a hint: there are none. */
bool aws_credentials_get(struct aws_credentials *c,
                         int64_t deadline_ns,
                         const aws_keys **ret,
                         err *e) MUST_CHECK;
/* A service says that they have ended: the next call gets new ones. False: they do not renew. */
bool aws_credentials_expire(struct aws_credentials *c);
/* "environment", "instance", ...; NULL before the first call. */
const char *aws_credentials_source(const struct aws_credentials *c);

/* Of the instance this runs on; free() it. False: it is none, or does not say. */
bool aws_instance_region(struct http *h, int64_t deadline_ns, char **ret) MUST_CHECK;
