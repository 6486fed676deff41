/* watch/statistics.h: samples as the service shows them: put together by period. Pure. */
#pragma once
#include "watch/history.h"

typedef struct {
    int64_t stamp_ms; /* its period's beginning */
    size_t count;
    double sum, min, max;
    const double *values; /* sorted */
} bucket;

/* Sorts `points` by time and puts those of one period together; periods begin at multiples of
 * `period_ms` from `origin_ms`. The buckets live in `memory`, oldest first. */
size_t statistics_buckets(history_point *points,
                          size_t count,
                          int64_t period_ms,
                          int64_t origin_ms,
                          arena *memory,
                          bucket **ret);
/* "Average", "p99.9" ... False: it is none that is here. */
bool statistic_is_known(const char *name);
double statistic_of(const bucket *b, const char *name);
