/* engine/endpoint.h: what the name of a server says about it. ElastiCache names its endpoints after
 * what they are. Pure.
 * Forms: docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html and
 * Replication.Endpoints.html. */
#pragma once
#include "base/span.h"

typedef enum {
    ENDPOINT_OTHER, /* no name of ElastiCache */
    ENDPOINT_PRIMARY,
    ENDPOINT_READER,
    ENDPOINT_CONFIGURATION, /* of a cluster */
    ENDPOINT_NODE,
    ENDPOINT_SERVERLESS,
    ENDPOINT_SOCKET /* no name at all: the path of a socket of this machine */
} endpoint_kind;

typedef struct {
    endpoint_kind kind;
    bool tls_known;
    bool tls;          /* the name is one that only a cache with (or without) TLS has */
    const char *shown; /* "primary endpoint, cluster mode disabled" */
} endpoint;

endpoint endpoint_read(const char *host);
/* The id of the replication group, or the name of the serverless cache, that the name of an
 * endpoint with TLS holds; points into `host`. */
bool endpoint_cache(const char *host, span *ret);
