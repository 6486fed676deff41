/* watch/watch_internal.h: what the operations share. */
#pragma once
#include "watch/history.h"
#include "watch/model.h"
#include "watch/statistics.h"

#define NODE_ID "0001" /* CacheNodeId and NodeGroupId of a cache without cluster mode */
#define ALARMS_MAX ((size_t)5000)

struct watch {
    char region[64];
    char account[32];
    int64_t minute_ms;
    int64_t slot;     /* of the last samples: now / minute_ms */
    int64_t since_ms; /* of the first samples; 0: there were none yet */
    json_t *alarms;
    bool changed;
    metrics *metrics;
    history history;
};

/* A metric under one set of dimensions. */
typedef struct {
    const metric *m; /* NULL: there is none of that name under these dimensions */
    size_t at;
    unsigned set;
    const char *values[DIMENSION_KINDS]; /* of the call */
} series;

/* `of` has Namespace, MetricName and Dimensions. */
series series_find(const watch *w, json_t *of);
bool series_has_node(const series *s, const history_node *n);
/* The samples of all its nodes; nothing when `unit` (NULL: any) is another. They live in `memory`.
 */
size_t series_take(const watch *w,
                   const series *s,
                   const char *unit,
                   int64_t from_ms,
                   int64_t to_ms,
                   arena *memory,
                   history_point **ret);

/* A member of a call that was checked; NULL and `otherwise` when it is not there. */
const char *member_text(json_t *call, const char *name);
int64_t member_number(json_t *call, const char *name, int64_t otherwise);
/* So many seconds of the service's, here; at least 1 ms. */
int64_t period_ms(const watch *w, int64_t seconds);
bool period_check(int64_t seconds, const char *code, watch_fault *f);
bool range_check(json_t *call, const char *code, watch_fault *f);
bool statistic_check(const char *name, const char *code, watch_fault *f);
json_t *time_show(int64_t ms);
/* An object's member of that name, as text; what is not UTF-8 is left out. */
void text_put(json_t *object, const char *name, const char *text);

/* alarms.c: the state of one alarm by the samples up to `end_ms`. */
void alarm_evaluate(watch *w, json_t *alarm, int64_t end_ms, int64_t now_ms);

bool get_metric_data(watch *w, json_t *call, json_t **ret, watch_fault *f);
bool get_metric_statistics(watch *w, json_t *call, json_t **ret, watch_fault *f);
bool list_metrics(watch *w, json_t *call, json_t **ret, watch_fault *f);
bool put_metric_alarm(watch *w, json_t *call, json_t **ret, watch_fault *f);
bool describe_alarms(watch *w, json_t *call, json_t **ret, watch_fault *f);
bool delete_alarms(watch *w, json_t *call, json_t **ret, watch_fault *f);
