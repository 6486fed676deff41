/* GetMetricData, GetMetricStatistics, ListMetrics. */
#include <ctype.h>
#include <math.h>

#include "base/clock.h"
#include "watch/watch_internal.h"

#define DATAPOINTS_MAX 100800      /* of one answer of GetMetricData */
#define STATISTICS_DATAPOINTS 1440 /* that GetMetricStatistics may be asked for */
#define METRICS_PAGE 500
#define RECENT_SECONDS 10800 /* three hours */

/* --- GetMetricData --------------------------------------------------------------------------- */

typedef struct {
    watch *w;
    json_t *call;
    int64_t from_ms, to_ms;
    bool rising;
    int64_t room;      /* datapoints that still fit into this answer */
    size_t first;      /* the token: go on with this query, behind this time */
    int64_t behind_ms; /* of the token; meaningless without `goes_on` */
    bool goes_on;
    arena memory;
} data_call;

static bool id_is_good(const char *id)
{
    bool good = islower((unsigned char)id[0]) != 0;
    for (const char *at = id; good && *at; at++)
        good = isalnum((unsigned char)*at) != 0 || *at == '_';
    return good;
}

static bool query_check(json_t *queries, size_t at, watch_fault *f)
{
    json_t *q = json_array_get(queries, at);
    json_t *stat = json_object_get(q, "MetricStat");
    const char *id = member_text(q, "Id");
    const char *label = member_text(q, "Label");
    for (size_t i = 0; i < at; i++) {
        if (strcmp(member_text(json_array_get(queries, i), "Id"), id) != 0) continue;
        return watch_fail(f, 400, "ValidationError", "The value '%s' of Id is not unique.", id);
    }
    if (!id_is_good(id)) {
        return watch_fail(f, 400, "ValidationError",
                          "The value '%s' for parameter MetricDataQueries.member.%zu.Id is not "
                          "matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
                          span_show(span_text(id)).text, at + 1);
    }
    if (member_text(q, "Expression")) {
        return watch_fail(f, 501, "NotImplemented",
                          "The sandbox does not have metric math: Expression of '%s'.", id);
    }
    if (member_text(q, "AccountId") || (label && strstr(label, "${"))) {
        return watch_fail(f, 501, "NotImplemented", "The sandbox does not have %s, of '%s'.",
                          label ? "dynamic labels" : "the parameter AccountId", id);
    }
    if (!stat) {
        return watch_fail(f, 400, "ValidationError",
                          "The parameter MetricDataQueries.member.%zu.MetricStat is required.\n",
                          at + 1);
    }
    return period_check(member_number(stat, "Period", 0), "ValidationError", f) &&
           statistic_check(member_text(stat, "Stat"), "ValidationError", f);
}

/* "3.1764365719000": behind that time in the fourth query. */
static bool token_read(data_call *c, size_t queries, watch_fault *f)
{
    span rest =
        span_text(member_text(c->call, "NextToken") ? member_text(c->call, "NextToken") : "");
    span first;
    uint64_t at = 0;
    if (!member_text(c->call, "NextToken")) return true;
    c->goes_on = true;
    if (span_cut(&rest, '.', &first) && span_to_u64(first, &at) && at < queries &&
        span_to_i64(rest, &c->behind_ms)) {
        c->first = (size_t)at;
        return true;
    }
    return watch_fail(f, 400, "InvalidNextToken", "The next token is not one of this call.");
}

/* One query's values into the answer; what does not fit is told by `ret_next`. */
static json_t *query_answer(data_call *c, size_t number, json_t *q, char ret_next[64])
{
    json_t *stat = json_object_get(q, "MetricStat");
    json_t *of = json_object_get(stat, "Metric");
    const char *label =
        member_text(q, "Label") ? member_text(q, "Label") : member_text(of, "MetricName");
    series s = series_find(c->w, of);
    history_point *points = NULL;
    bucket *buckets = NULL;
    size_t taken =
        series_take(c->w, &s, member_text(stat, "Unit"), c->from_ms, c->to_ms, &c->memory, &points);
    size_t count = statistics_buckets(
        points, taken, period_ms(c->w, member_number(stat, "Period", 60)), 0, &c->memory, &buckets);
    json_t *stamps = json_array();
    json_t *values = json_array();
    bool behind = c->goes_on && number == c->first;
    for (size_t i = 0; i < count && !ret_next[0]; i++) {
        const bucket *b = &buckets[c->rising ? i : count - 1 - i];
        if (behind && (c->rising ? b->stamp_ms <= c->behind_ms : b->stamp_ms >= c->behind_ms))
            continue;
        (void)json_array_append_new(stamps, time_show(b->stamp_ms));
        (void)json_array_append_new(values, json_real(statistic_of(b, member_text(stat, "Stat"))));
        if (--c->room == 0) (void)snprintf(ret_next, 64, "%zu.%" PRId64, number, b->stamp_ms);
    }
    return json_pack("{s:o,s:s,s:o,s:o,s:s}", "Id", json_incref(json_object_get(q, "Id")), "Label",
                     label ? label : "", "Timestamps", stamps, "Values", values, "StatusCode",
                     ret_next[0] ? "PartialData" : "Complete");
}

static void data_answer(data_call *c, json_t *queries, json_t **ret)
{
    json_t *results = json_array();
    char next[64] = "";
    for (size_t i = c->first; i < json_array_size(queries) && !next[0]; i++) {
        json_t *q = json_array_get(queries, i);
        if (json_is_false(json_object_get(q, "ReturnData"))) continue;
        (void)json_array_append_new(results, query_answer(c, i, q, next));
    }
    *ret = json_pack("{s:o,s:[]}", "MetricDataResults", results, "Messages");
    if (next[0]) text_put(*ret, "NextToken", next);
}

bool get_metric_data(watch *w, json_t *call, json_t **ret, watch_fault *f)
{
    json_t *queries = json_object_get(call, "MetricDataQueries");
    const char *scan = member_text(call, "ScanBy");
    int64_t from = member_number(call, "StartTime", 0);
    data_call c = {.w = w,
                   .call = call,
                   .from_ms = from - from % w->minute_ms,
                   .to_ms = member_number(call, "EndTime", 0),
                   .rising = scan && strcmp(scan, "TimestampAscending") == 0,
                   .room = member_number(call, "MaxDatapoints", DATAPOINTS_MAX)};
    if (!range_check(call, "ValidationError", f) || !token_read(&c, json_array_size(queries), f))
        return false;
    for (size_t i = 0; i < json_array_size(queries); i++)
        if (!query_check(queries, i, f)) return false;
    data_answer(&c, queries, ret);
    arena_clear(&c.memory);
    return true;
}

/* --- GetMetricStatistics --------------------------------------------------------------------- */

static bool statistics_check(json_t *call, watch_fault *f)
{
    json_t *plain = json_object_get(call, "Statistics");
    json_t *extended = json_object_get(call, "ExtendedStatistics");
    int64_t period = member_number(call, "Period", 0);
    size_t i = 0;
    json_t *one = NULL;
    if (!plain && !extended) {
        return watch_fail(f, 400, "InvalidParameterCombination",
                          "Must specify either Statistics or ExtendedStatistics");
    }
    if (!range_check(call, "InvalidParameterValue", f) ||
        !period_check(period, "InvalidParameterValue", f))
        return false;
    json_array_foreach(extended, i, one)
    {
        if (!statistic_check(json_string_value(one), "InvalidParameterValue", f)) return false;
    }
    int64_t asked =
        (member_number(call, "EndTime", 0) - member_number(call, "StartTime", 0)) / 1000 / period;
    if (asked <= STATISTICS_DATAPOINTS) return true;
    return watch_fail(f, 400, "InvalidParameterCombination",
                      "You have requested up to %" PRId64 " datapoints, which exceeds the limit of "
                      "%d. You may reduce the datapoints requested by increasing Period, or "
                      "decreasing the time range.",
                      asked, STATISTICS_DATAPOINTS);
}

static json_t *datapoint_show(json_t *call, const bucket *b, const char *unit)
{
    json_t *point = json_pack("{s:o,s:s}", "Timestamp", time_show(b->stamp_ms), "Unit", unit);
    json_t *extended = json_object();
    size_t i = 0;
    json_t *one = NULL;
    json_array_foreach(json_object_get(call, "Statistics"), i, one)
    {
        const char *name = json_string_value(one);
        (void)json_object_set_new(point, name, json_real(statistic_of(b, name)));
    }
    json_array_foreach(json_object_get(call, "ExtendedStatistics"), i, one)
    {
        const char *name = json_string_value(one);
        (void)json_object_set_new(extended, name, json_real(statistic_of(b, name)));
    }
    if (json_object_size(extended) > 0) {
        (void)json_object_set_new(point, "ExtendedStatistics", extended);
    } else {
        json_decref(extended);
    }
    return point;
}

bool get_metric_statistics(watch *w, json_t *call, json_t **ret, watch_fault *f)
{
    CLEANUP(arena_clear) arena memory = {0};
    history_point *points = NULL;
    bucket *buckets = NULL;
    if (!statistics_check(call, f)) return false;
    series s = series_find(w, call);
    int64_t from = member_number(call, "StartTime", 0);
    size_t taken = series_take(w, &s, member_text(call, "Unit"), from - from % w->minute_ms,
                               member_number(call, "EndTime", 0), &memory, &points);
    size_t count = statistics_buckets(
        points, taken, period_ms(w, member_number(call, "Period", 60)), 0, &memory, &buckets);
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(all, datapoint_show(call, &buckets[i], s.m->unit));
    *ret = json_pack("{s:s,s:o}", "Label", member_text(call, "MetricName"), "Datapoints", all);
    return true;
}

/* --- ListMetrics ----------------------------------------------------------------------------- */

/* What the node has under that set is asked for. */
static bool filters_hold(json_t *filters, unsigned set, const char *const *own)
{
    size_t i = 0;
    json_t *one = NULL;
    json_array_foreach(filters, i, one)
    {
        const char *value = member_text(one, "Value");
        size_t n = 0;
        while (n < DIMENSION_KINDS && strcmp(dimension_name(n), member_text(one, "Name")) != 0)
            n++;
        if (n == DIMENSION_KINDS || !(set & 1U << n)) return false;
        if (value && strcmp(value, own[n]) != 0) return false;
    }
    return true;
}

/* Of several nodes with the same values the first one that has data stands for all. */
static bool is_first(const watch *w, size_t node_at, size_t metric_at, unsigned set, int64_t from)
{
    const history *h = &w->history;
    if (set & DIMENSION_CLUSTER) return true;
    for (size_t i = 0; i < node_at; i++) {
        if (strcmp(h->nodes[i].group, h->nodes[node_at].group) == 0 &&
            history_has(h, &h->nodes[i], metric_at, from))
            return false;
    }
    return true;
}

static json_t *metric_show(const metric *m, unsigned set, const char *const *own)
{
    json_t *dimensions = json_array();
    for (size_t n = 0; n < DIMENSION_KINDS; n++) {
        if (!(set & 1U << n)) continue;
        (void)json_array_append_new(
            dimensions, json_pack("{s:s,s:s}", "Name", dimension_name(n), "Value", own[n]));
    }
    return json_pack("{s:s,s:s,s:o}", "Namespace", METRIC_NAMESPACE, "MetricName", m->name,
                     "Dimensions", dimensions);
}

static void metric_list(const watch *w, size_t metric_at, json_t *call, int64_t from, json_t *all)
{
    const metric *m = metrics_at(w->metrics, metric_at);
    for (size_t i = 0; i < w->history.count; i++) {
        const history_node *n = &w->history.nodes[i];
        const char *own[DIMENSION_KINDS] = {n->node, NODE_ID, n->group, NODE_ID};
        if (!history_has(&w->history, n, metric_at, from)) continue;
        for (size_t k = 0; k < m->set_count; k++) {
            if (filters_hold(json_object_get(call, "Dimensions"), m->sets[k], own) &&
                is_first(w, i, metric_at, m->sets[k], from))
                (void)json_array_append_new(all, metric_show(m, m->sets[k], own));
        }
    }
}

bool list_metrics(watch *w, json_t *call, json_t **ret, watch_fault *f)
{
    const char *space = member_text(call, "Namespace");
    const char *name = member_text(call, "MetricName");
    const char *token = member_text(call, "NextToken");
    uint64_t first = 0;
    int64_t from = member_text(call, "RecentlyActive")
                       ? clock_wall_ms() - period_ms(w, RECENT_SECONDS)
                       : INT64_MIN;
    json_t *all = json_array();
    for (size_t i = 0; i < metrics_count(w->metrics); i++) {
        bool wanted = !name || strcmp(metrics_at(w->metrics, i)->name, name) == 0;
        if (wanted && (!space || strcmp(space, METRIC_NAMESPACE) == 0))
            metric_list(w, i, call, from, all);
    }
    uint64_t count = json_array_size(all);
    if (token && (!span_to_u64(span_text(token), &first) || first > count)) {
        json_decref(all);
        return watch_fail(f, 400, "InvalidParameterValue",
                          "Request parameter NextToken is invalid");
    }
    json_t *page = json_array();
    for (uint64_t i = first; i < count && i < first + METRICS_PAGE; i++)
        (void)json_array_append(page, json_array_get(all, i));
    json_decref(all);
    *ret = json_pack("{s:o}", "Metrics", page);
    if (first + METRICS_PAGE < count) {
        char next[32];
        (void)snprintf(next, sizeof next, "%" PRIu64, first + METRICS_PAGE);
        text_put(*ret, "NextToken", next);
    }
    return true;
}
