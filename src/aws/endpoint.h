/* aws/endpoint.h: the URL of a service: what was asked for, else what the environment or the
 * profile says, else the regional one of AWS.
 * Source: docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html. */
#pragma once
#include "aws/profile.h"

typedef struct {
    const char *id;      /* of the environment: AWS_ENDPOINT_URL_<id> */
    const char *name;    /* for people, and of the signature unless `signing` says else */
    const char *host;    /* in front of ".REGION.amazonaws.com" */
    const char *version; /* of the query protocol; NULL: it has another */
} aws_service;
extern const aws_service aws_elasticache, aws_sts, aws_cloudwatch, aws_s3;

/* "https://elasticache.eu-west-1.amazonaws.com", no slash at the end; free() it. `asked` may be
 * NULL. ERR_USAGE: what was set is no URL of http or https. */
bool aws_endpoint(const aws_service *s,
                  const profile *p,
                  const char *asked,
                  const char *region,
                  char **ret,
                  err *e) MUST_CHECK;
