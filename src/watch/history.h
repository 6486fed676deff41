/* watch/history.h: the samples of all nodes, the newest HISTORY_SAMPLES of each.
 *
 * A row is one node: some 130 numbers a sample. It grows as samples come, to 1.5 MiB at most; a
 * node that is gone keeps its row until another needs the place (HISTORY_NODES_MAX). */
#pragma once
#include "watch/metrics.h"

#define HISTORY_SAMPLES ((size_t)1440) /* a day of the service's, a sample a minute */
#define HISTORY_NODES_MAX 300
#define HISTORY_NAME_MAX 64

typedef struct {
    char group[HISTORY_NAME_MAX];
    char node[HISTORY_NAME_MAX];
    int64_t *stamps_ms; /* rising from `first`, in a ring */
    double *values;     /* one row of metrics a stamp */
    double *before;     /* the atoms of the last sample; NULL: there was none */
    int64_t before_ns;  /* and when that was */
    size_t first, count, room;
} history_node;

typedef struct {
    history_node nodes[HISTORY_NODES_MAX];
    size_t count;
    size_t metric_count;
} history;

void history_clear(history *h);
/* The row of that node, made when it is not there (in the place of the one that is silent longest
 * when there is no other). */
history_node *history_at(history *h, const char *group, const char *node);
/* Room for another sample; its values are to be filled in. */
double *history_add(history *h, history_node *n, int64_t stamp_ms);

typedef struct {
    int64_t stamp_ms;
    double value;
} history_point;
/* The samples of one metric from `from` up to, not including, `to`, oldest first. Answers how many
 * were put into `ret`, which has room for HISTORY_SAMPLES. */
size_t history_take(const history *h,
                    const history_node *n,
                    size_t metric_at,
                    int64_t from_ms,
                    int64_t to_ms,
                    history_point *ret);
/* Has it a value of this metric at or after that time? */
bool history_has(const history *h, const history_node *n, size_t metric_at, int64_t from_ms);
