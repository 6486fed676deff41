/* watch/metrics.h: the metrics that can be computed, and their values out of one INFO.
 *
 * Made once from data/info-to-cloudwatch.tsv (formulas) and data/cloudwatch-metrics.tsv
 * (dimensions). Pure. */
#pragma once
#include "watch/families.h"
#include "watch/formula.h"

#define METRIC_NAMESPACE "AWS/ElastiCache"

/* Dimensions as bits; a metric is there under some sets of them. */
enum {
    DIMENSION_CLUSTER = 1, /* CacheClusterId */
    DIMENSION_NODE = 2,    /* CacheNodeId */
    DIMENSION_GROUP = 4,   /* ReplicationGroupId */
    DIMENSION_SHARD = 8,   /* NodeGroupId */
};
#define DIMENSION_KINDS 4
#define DIMENSION_SETS_MAX 6
const char *dimension_name(size_t n); /* of the bit 1 << n */

typedef struct {
    const char *name;
    const char *unit;
    const char *nodes; /* every primary replica */
    const char *since; /* "valkey 9.0", or empty */
    formula value;
    unsigned sets[DIMENSION_SETS_MAX];
    size_t set_count;
} metric;

typedef struct metrics metrics;
bool metrics_new(metrics **ret, err *e) MUST_CHECK; /* false: the tables are wrong */
void metrics_free(metrics *m);                      /* NULL is fine */
size_t metrics_count(const metrics *m);
const metric *metrics_at(const metrics *m, size_t n);
size_t metrics_atom_count(const metrics *m);
families *metrics_families(const metrics *m, const reply *commands);

/* What INFO does not tell: "own.commands", "node.ram" ... */
typedef struct {
    const char *name;
    double value;
} metrics_extra;

typedef struct {
    span info; /* with commandstats */
    bool is_primary;
    const families *families;
    const metrics_extra *extras;
    size_t extra_count;
} metrics_input;

/* The values of all atoms. */
void metrics_look(const metrics *m, const metrics_input *in, double *atoms);
/* The values of all metrics; NAN: it is not published. `before`: NULL at the first
 * sample, which counts since the engine's start. */
void metrics_compute(const metrics *m,
                     const metrics_input *in,
                     const double *now,
                     const double *before,
                     double *values);
