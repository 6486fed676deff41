/* audit/cloudwatch.h: the tables of metrics and alarms as the monitoring rules ask them. Pure. */
#pragma once
#include "base/span.h"
#include "knowledge/knowledge.h"

/* How near the counterpart of an exporter's metric comes. A constant is no metric there, but known:
 * a limit that the node type decides. */
typedef enum { EXACT, APPROXIMATE, CONSTANT, NONE } exactness;

typedef struct {
    const knowledge_table *exporter; /* redis_exporter -> CloudWatch */
    const knowledge_table *metrics;  /* CloudWatch */
    const knowledge_table *alerts;   /* published alert rules -> alarms */
    bool is_serverless;
} cloudwatch;

cloudwatch cloudwatch_of(const knowledge_target *t);

/* Rows; the table's row_count when there is none. Host and engine metrics are one level here. */
size_t cloudwatch_exporter_row(const cloudwatch *c, const char *metric);
size_t cloudwatch_metric_row(const cloudwatch *c, span name, bool serverless);
/* The next CloudWatch metric that a text names ("BytesUsedForCache*(MemoryFragmentationRatio-1)"),
 * whether or not this target publishes it. False: no more. */
bool cloudwatch_cut(const cloudwatch *c, const char **rest, span *ret);

/* Of a row of the exporter's table. */
exactness cloudwatch_exactness(const cloudwatch *c, size_t row);
const char *cloudwatch_counterpart(const cloudwatch *c, size_t row);
const char *cloudwatch_instead(const cloudwatch *c, size_t row);
bool cloudwatch_publishes(const cloudwatch *c, size_t row); /* this target */
