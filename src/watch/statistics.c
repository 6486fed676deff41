#include "watch/statistics.h"

#include <math.h>
#include <stdlib.h>

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const history_point *)a)->stamp_ms;
    int64_t y = ((const history_point *)b)->stamp_ms;
    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static int64_t period_begin(int64_t stamp_ms, int64_t period_ms, int64_t origin_ms)
{
    int64_t behind = (stamp_ms - origin_ms) % period_ms;
    return stamp_ms - (behind < 0 ? behind + period_ms : behind);
}

size_t statistics_buckets(history_point *points,
                          size_t count,
                          int64_t period_ms,
                          int64_t origin_ms,
                          arena *memory,
                          bucket **ret)
{
    bucket *all = arena_alloc(memory, (count + 1) * sizeof *all);
    double *values = arena_alloc(memory, (count + 1) * sizeof *values);
    size_t used = 0;
    assert(period_ms > 0);
    if (count > 0) qsort(points, count, sizeof *points, by_time);
    for (size_t i = 0; i < count; i++) {
        int64_t begin = period_begin(points[i].stamp_ms, period_ms, origin_ms);
        values[i] = points[i].value;
        if (used == 0 || all[used - 1].stamp_ms != begin)
            all[used++] = (bucket){.stamp_ms = begin, .values = &values[i]};
        all[used - 1].count++;
    }
    double *at = values;
    for (size_t i = 0; i < used; i++) {
        bucket *b = &all[i];
        qsort(at, b->count, sizeof *at, by_value);
        for (size_t k = 0; k < b->count; k++)
            b->sum += at[k];
        b->min = at[0];
        b->max = at[b->count - 1];
        at += b->count;
    }
    *ret = all;
    return used;
}

static bool percentile_of(const char *name, double *ret)
{
    return name[0] == 'p' && name[1] >= '0' && name[1] <= '9' &&
           span_to_double(span_text(name + 1), ret) && *ret >= 0 && *ret <= 100;
}

static double sum_of(const bucket *b)
{
    return b->sum;
}
static double average_of(const bucket *b)
{
    return b->sum / (double)b->count;
}
static double minimum_of(const bucket *b)
{
    return b->min;
}
static double maximum_of(const bucket *b)
{
    return b->max;
}
static double count_of(const bucket *b)
{
    return (double)b->count;
}

static const struct {
    const char *name;
    double (*of)(const bucket *b);
} statistics[] = {
    {"Average", average_of}, {"Sum", sum_of},           {"Minimum", minimum_of},
    {"Maximum", maximum_of}, {"SampleCount", count_of},
};

bool statistic_is_known(const char *name)
{
    double share = 0;
    for (size_t i = 0; i < COUNT_OF(statistics); i++)
        if (strcmp(statistics[i].name, name) == 0) return true;
    return percentile_of(name, &share);
}

double statistic_of(const bucket *b, const char *name)
{
    double share = 0;
    assert(b->count > 0);
    for (size_t i = 0; i < COUNT_OF(statistics); i++)
        if (strcmp(statistics[i].name, name) == 0) return statistics[i].of(b);
    bool known = percentile_of(name, &share);
    assert(known);
    size_t rank = (size_t)ceil(share / 100 * (double)b->count); /* the nearest one */
    return b->values[rank > 0 ? rank - 1 : 0];
}
