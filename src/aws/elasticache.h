/* aws/elasticache.h: replication groups as ElastiCache's API tells them, and the one thing a drill
 * does to them. Strings live in the caller's arena; what the service leaves out is "" or 0.
 * Source: docs.aws.amazon.com/AmazonElastiCache/latest/APIReference, version 2015-02-02. */
#pragma once
#include "aws/query.h"

#define AWS_GROUP_NODES_MAX ((size_t)512) /* 90 nodes of a cluster is the service's own quota */
#define AWS_GROUP_POLL_MS 5000

typedef struct {
    const char *host; /* "": the service tells none (yet) */
    uint16_t port;
} aws_address;

typedef struct {
    const char *id;    /* "cache-001" */
    const char *shard; /* "0001" */
    const char *zone;
    const char *role; /* "primary" or "replica"; "" in cluster mode */
    aws_address address;
} aws_node;

typedef struct {
    const char *id, *status, *engine, *arn;
    const char *user_group;       /* the first one; "" with AUTH or with none */
    aws_address primary;          /* of the only shard; "" in cluster mode */
    aws_address reader;           /* the same */
    aws_address configuration;    /* cluster mode alone */
    bool cluster_mode;            /* enabled */
    bool tls;                     /* in transit; of a group that takes both it is true as well */
    bool tls_preferred;           /* takes plain connections too */
    bool auth_token;              /* one password for all */
    bool auto_failover, multi_az; /* enabled */
    size_t shard_count;
    const aws_node *nodes; /* shard by shard */
    size_t node_count;
} aws_group;

/* One <ReplicationGroup>. Pure. ERR_AWS: no id, a port that is none, AWS_GROUP_NODES_MAX. */
bool aws_group_read(const xml_node *n, arena *memory, aws_group *ret, err *e) MUST_CHECK;

/* ERR_AWS with what to do; `ret_fault` tells a group that is not there from one that may not be
 * looked at. */
bool aws_group_find(struct aws_session *s,
                    const char *id,
                    int64_t deadline_ns,
                    arena *memory,
                    aws_group *ret,
                    aws_fault *ret_fault,
                    err *e) MUST_CHECK;

/* Until its status is "available". ERR_AWS at once when it can become so no more ("deleting",
 * "create-failed"), ERR_TIMEOUT with the status it has. */
bool aws_group_wait(struct aws_session *s,
                    const char *id,
                    int64_t every_ms,
                    int64_t deadline_ns,
                    arena *memory,
                    aws_group *ret,
                    err *e) MUST_CHECK;

/* TestFailover of one shard. Not asked again after a lost answer: a second one would count. */
bool aws_group_failover(struct aws_session *s,
                        const aws_group *g,
                        const char *shard,
                        int64_t deadline_ns,
                        aws_fault *ret_fault,
                        err *e) MUST_CHECK;

typedef struct {
    int64_t at_ms; /* since 1970; 0: no date that can be read */
    const char *source, *source_type, *message;
} aws_event;

/* What happened to the group or to a node of it since then, oldest first, at most 14 days back. */
bool aws_group_events(struct aws_session *s,
                      const aws_group *g,
                      int64_t since_ms,
                      int64_t deadline_ns,
                      arena *memory,
                      const aws_event **ret,
                      size_t *ret_count,
                      err *e) MUST_CHECK;
