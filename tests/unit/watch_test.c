/* The pure parts of the stand-in of CloudWatch: formulas, samples, statistics, alarms, calls. */
#include "test.h"

#include <math.h>

#include "knowledge/knowledge.h"
#include "watch/history.h"
#include "watch/model.h"
#include "watch/rule.h"
#include "watch/statistics.h"
#include "watch/times.h"
#include "watch/watch.h"

#define MINUTE INT64_C(60000)
#define T0 (INT64_C(29400000) * MINUTE) /* some minute of 2025 */

/* --- formulas -------------------------------------------------------------------------------- */

static void formulas_are_worked_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double wanted; /* with a: 6 (before 4), b: 3 (before 5), n: missing */
    } rows[] = {
        {"a", 6},
        {"1 + 2 * a", 13},
        {"(1 + 2) * a", 18},
        {"a - b - 1", 2},
        {"12 / b / 2", 2},
        {"d(a)", 2},
        {"d(b)", 3}, /* it fell: it began anew */
        {"100 * d(a) / (d(a) + d(b))", 40},
        {"min(5, a)", 5},
        {"max(0, b - a)", 0},
        {"min(max(1, a), b + 1)", 4},
        {"a / (b - b)", NAN},
        {"n", NAN},
        {"max(0, n)", NAN},
        {"d(n)", NAN},
        {"0", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        formula_atoms atoms = {.names = {"a", "b", "n"}, .count = 3};
        const double now[] = {6, 3, NAN};
        const double before[] = {4, 5, NAN};
        arena memory = {0};
        formula f = {0};
        err e = {0};
        if (!formula_read(span_text(rows[i].text), &atoms, &memory, &f, &e)) fail_msg("%s", e.text);
        double got = formula_value(&f, now, before);
        bool same = isnan(rows[i].wanted) ? isnan(got) : fabs(got - rows[i].wanted) < 1e-9;
        if (!same) fail_msg("%s: wanted %g, got %g", rows[i].text, rows[i].wanted, got);
        arena_clear(&memory);
    }
}

static void a_broken_formula_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",      "a +",    "(a",   "a)",       "a b",
                                       "+ a",   "d()",    "d(a",  "a (b)",    "1.2.3",
                                       "min(a", "min(a)", "a, b", "d(a + b)", "()"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        formula_atoms atoms = {0};
        arena memory = {0};
        formula f = {0};
        err e = {0};
        if (formula_read(span_text(rows[i]), &atoms, &memory, &f, &e))
            fail_msg("'%s' was taken", rows[i]);
        arena_clear(&memory);
    }
}

static size_t row_of(const knowledge_table *t, const char *name, bool alone)
{
    size_t row = 0;
    while (row < t->row_count &&
           (strcmp(knowledge_cell(t, row, "metric"), name) != 0 ||
            (alone && strcmp(knowledge_cell(t, row, "level"), "serverless") == 0)))
        row++;
    return row;
}

static void the_table_of_formulas_and_that_of_metrics_are_of_the_same_metrics(void **state)
{
    (void)state;
    const knowledge_table *formulas = knowledge_at(TABLE_FORMULAS);
    const knowledge_table *all = knowledge_at(TABLE_METRICS);
    for (size_t i = 0; i < all->row_count; i++) {
        const char *name = knowledge_cell(all, i, "metric");
        if (strcmp(knowledge_cell(all, i, "level"), "serverless") != 0 &&
            row_of(formulas, name, false) == formulas->row_count)
            fail_msg("%s has no row in info-to-cloudwatch.tsv", name);
    }
    for (size_t i = 0; i < formulas->row_count; i++) {
        const char *name = knowledge_cell(formulas, i, "metric");
        const char *unit = knowledge_cell(formulas, i, "unit");
        size_t row = row_of(all, name, true);
        if (row == all->row_count) fail_msg("%s is no metric", name);
        const char *other = knowledge_cell(all, row, "unit");
        bool none = strcmp(other, "Number") == 0 || strcmp(other, "Boolean") == 0;
        bool credits = strncmp(other, "Credits", 7) == 0;
        assert_string_equal(unit, none ? "None" : credits ? "Count" : other);
        if (row_of(formulas, name, false) != i) fail_msg("%s stands twice", name);
        bool is_none = strcmp(knowledge_cell(formulas, i, "nodes"), "none") == 0;
        assert_int_equal(is_none, *knowledge_cell(formulas, i, "formula") == '\0');
        if (is_none) assert_true(*knowledge_cell(formulas, i, "note") != '\0');
    }
}

/* --- families -------------------------------------------------------------------------------- */

static reply bulk(const char *text)
{
    return (reply){.kind = REPLY_BULK, .text = span_text(text)};
}

#define LIST(...)                                                                                  \
    (reply)                                                                                        \
    {                                                                                              \
        .kind = REPLY_ARRAY, .items = (reply[]){__VA_ARGS__},                                      \
        .count = COUNT_OF(((reply[]){__VA_ARGS__}))                                                \
    }
#define NUMBER(n) ((reply){.kind = REPLY_INTEGER, .integer = (n)})
#define NOTHING ((reply){.kind = REPLY_ARRAY})
#define COMMAND(name, flag, key, category, below)                                                  \
    LIST(bulk(name), NUMBER(2), LIST(bulk(flag)), NUMBER(key), NUMBER(key), NUMBER(1),             \
         LIST(bulk("@fast"), bulk(category)), NOTHING, NOTHING, below)

static void commands_are_counted_in_each_family_they_are_of(void **state)
{
    (void)state;
    static const char *const texts[] = {"@string", "@read -@string",  "eval,evalsha", "nokey",
                                        "key",     "config,config|*", "json.* @write"};
    reply commands = LIST(COMMAND("get", "readonly", 1, "@string", NOTHING),
                          COMMAND("hget", "readonly", 1, "@read", NOTHING),
                          COMMAND("eval", "movablekeys", 0, "@scripting", NOTHING),
                          COMMAND("config", "admin", 0, "@admin",
                                  LIST(COMMAND("config|get", "admin", 0, "@admin", NOTHING))),
                          COMMAND("json.set", "write", 1, "@write", NOTHING),
                          COMMAND("json.get", "readonly", 1, "@read", NOTHING));
    families *f = families_new(&commands, texts, COUNT_OF(texts));
    family_sum sums[COUNT_OF(texts)];
    families_add_up(f,
                    span_text("# Commandstats\r\n"
                              "cmdstat_get:calls=3,usec=30,usec_per_call=10.00,rejected_calls=9\r\n"
                              "cmdstat_hget:calls=1,usec=5\r\n"
                              "cmdstat_eval:calls=2,usec=7\r\n"
                              "cmdstat_config|get:calls=4,usec=8\r\n"
                              "cmdstat_json.set:calls=16,usec=1\r\n"
                              "cmdstat_json.get:calls=32,usec=1\r\n"
                              "cmdstat_unknown:calls=1000,usec=1\r\n"
                              "cmdstat_broken\r\n"),
                    sums);
    static const double wanted[] = {3, 33, 2, 4, 54, 4, 16};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (sums[i].calls != wanted[i]) fail_msg("%s: %g calls", texts[i], sums[i].calls);
    assert_true(sums[0].usec == 30);
    families_free(f);
}

/* --- samples --------------------------------------------------------------------------------- */

#define INFO_TEXT                                                                                  \
    "# Server\r\nvalkey_version:8.0.1\r\nredis_version:7.2.4\r\n# "                                \
    "Clients\r\nconnected_clients:3\r\n"                                                           \
    "used_memory:500\r\nmaxmemory:1000\r\nrole:master\r\nkeyspace_hits:%d\r\nkeyspace_misses:%"    \
    "d\r\n"                                                                                        \
    "db0:keys=7,expires=2,avg_ttl=50\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n"

static watch *watch_make(json_t *alarms)
{
    watch_options o = {
        .region = "us-east-1", .account = "123456789012", .minute_ms = MINUTE, .alarms = alarms};
    watch *w = NULL;
    err e = {0};
    if (!watch_new(&o, &w, &e)) fail_msg("%s", e.text);
    return w;
}

/* A sample of the node taken as the n-th minute begins: it is of the minute before. */
static void feed(watch *w, const char *node, int64_t minute, int hits, int misses)
{
    char info[1000];
    const metrics_extra extras[] = {{"own.clients", 1}};
    (void)snprintf(info, sizeof info, INFO_TEXT, hits, misses);
    metrics_input in = {.info = span_text(info),
                        .is_primary = true,
                        .extras = extras,
                        .extra_count = COUNT_OF(extras)};
    watch_sample(w, "cart", node, &in, T0 + minute * MINUTE + 5);
}

/* Frees the call. */
static json_t *answer(watch *w, const char *operation, json_t *call)
{
    json_t *result = NULL;
    watch_fault f = {0};
    assert_non_null(call);
    if (!watch_call(w, operation, call, &result, &f)) fail_msg("%s: %s", f.code, f.message);
    json_decref(call);
    return result;
}

static json_t *statistics_call(const char *name, const char *statistic, int period)
{
    return json_pack("{s:s,s:s,s:[{s:s,s:s}],s:f,s:f,s:i,s:[s]}", "Namespace", "AWS/ElastiCache",
                     "MetricName", name, "Dimensions", "Name", "CacheClusterId", "Value",
                     "cart-001", "StartTime", (double)T0 / 1000, "EndTime",
                     (double)(T0 + 600 * MINUTE) / 1000, "Period", period, "Statistics", statistic);
}

static void one_value_is(watch *w, const char *name, size_t count, double last)
{
    json_t *r = answer(w, "GetMetricStatistics", statistics_call(name, "Sum", 60));
    json_t *points = json_object_get(r, "Datapoints");
    if (json_array_size(points) != count)
        fail_msg("%s: %zu datapoints, not %zu", name, json_array_size(points), count);
    if (count > 0) {
        json_t *p = json_array_get(points, count - 1);
        double got = json_real_value(json_object_get(p, "Sum"));
        if (fabs(got - last) > 1e-9) fail_msg("%s: %g, not %g", name, got, last);
    }
    json_decref(r);
}

static void metrics_are_computed_as_the_table_says(void **state)
{
    (void)state;
    json_t *alarms = json_object();
    watch *w = watch_make(alarms);
    assert_true(watch_is_due(w, T0));
    feed(w, "cart-001", 1, 100, 10);
    feed(w, "cart-001", 2, 130, 20);
    feed(w, "cart-001", 3, 130, 20);
    feed(w, "cart-001", 4, 7, 0); /* it was started again */
    one_value_is(w, "CacheHits", 4, 7);
    one_value_is(w, "CacheHitRate", 3, 100); /* not where nothing was looked up */
    one_value_is(w, "CurrItems", 4, 8);
    one_value_is(w, "CurrVolatileItems", 0, 0); /* there only with CacheNodeId */
    one_value_is(w, "DB0AverageTTL", 4, 50);
    one_value_is(w, "CurrConnections", 4, 2);
    one_value_is(w, "DatabaseMemoryUsagePercentage", 4, 50);
    one_value_is(w, "IsMaster", 4, 1);
    one_value_is(w, "Evictions", 0, 0);      /* INFO says nothing */
    one_value_is(w, "ReplicationLag", 0, 0); /* of replicas alone */
    one_value_is(w, "BlockedConnections", 0, 0);
    one_value_is(w, "NoSuchMetric", 0, 0);
    watch_free(w);
    json_decref(alarms);
}

static void a_sample_bears_the_time_of_the_minute_before(void **state)
{
    (void)state;
    json_t *alarms = json_object();
    watch *w = watch_make(alarms);
    for (int i = 1; i <= 7; i++)
        feed(w, "cart-001", i, i * i, 0);
    json_t *r = answer(w, "GetMetricStatistics", statistics_call("CacheHits", "Sum", 180));
    json_t *points = json_object_get(r, "Datapoints");
    static const double sums[] = {9, 27, 13};
    assert_int_equal(json_array_size(points), COUNT_OF(sums));
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        json_t *p = json_array_get(points, i);
        double stamp = json_real_value(json_object_get(p, "Timestamp"));
        assert_true(stamp == (double)(T0 + (int64_t)i * 3 * MINUTE) / 1000);
        assert_true(json_real_value(json_object_get(p, "Sum")) == sums[i]);
    }
    json_decref(r);
    watch_free(w);
    json_decref(alarms);
}

static void a_node_keeps_a_day_and_no_more(void **state)
{
    (void)state;
    history h = {.metric_count = 2};
    history_point *points = mem_alloc(HISTORY_SAMPLES * sizeof *points);
    history_node *n = history_at(&h, "g", "n");
    for (int64_t i = 0; i < 3000; i++) {
        double *row = history_add(&h, n, i);
        row[0] = (double)i;
        row[1] = i % 2 ? NAN : 1;
    }
    assert_int_equal(history_take(&h, n, 0, 0, INT64_MAX, points), HISTORY_SAMPLES);
    assert_int_equal(points[0].stamp_ms, 3000 - HISTORY_SAMPLES);
    assert_true(points[HISTORY_SAMPLES - 1].value == 2999);
    assert_int_equal(history_take(&h, n, 0, 2000, 2003, points), 3);
    assert_int_equal(history_take(&h, n, 1, 2000, 2003, points), 2);
    assert_true(history_has(&h, n, 1, 2998));
    assert_false(history_has(&h, n, 1, 2999));
    for (size_t i = 0; i < HISTORY_NODES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%zu", i);
        *history_add(&h, history_at(&h, "g", name), 5000 + (int64_t)i) = 1;
    }
    assert_int_equal(h.count, HISTORY_NODES_MAX); /* the one that was silent longest has gone */
    for (size_t i = 0; i < h.count; i++)
        assert_string_not_equal(h.nodes[i].node, "n");
    history_clear(&h);
    free(points);
}

static void statistics_are_those_of_each_period(void **state)
{
    (void)state;
    history_point points[] = {{61, 4}, {0, 1}, {59, 3}, {30, 2}, {200, 7}};
    arena memory = {0};
    bucket *b = NULL;
    assert_int_equal(statistics_buckets(points, COUNT_OF(points), 60, 0, &memory, &b), 3);
    static const struct {
        const char *name;
        double wanted;
    } rows[] = {{"Sum", 6}, {"Average", 2}, {"Minimum", 1}, {"Maximum", 3}, {"SampleCount", 3},
                {"p50", 2}, {"p0", 1},      {"p100", 3},    {"p33.4", 2},   {"p33.3", 1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(statistic_is_known(rows[i].name));
        if (statistic_of(&b[0], rows[i].name) != rows[i].wanted)
            fail_msg("%s: %g", rows[i].name, statistic_of(&b[0], rows[i].name));
    }
    assert_int_equal(b[2].stamp_ms, 180);
    static const char *const unknown[] = {"", "p", "p-1", "p101", "px", "average", "tm90"};
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        assert_false(statistic_is_known(unknown[i]));
    arena_clear(&memory);
}

/* --- alarms ---------------------------------------------------------------------------------- */

/* The guide's two tables: datapoints of which the last is the newest ("-": missing, "0": fine, "X":
 * over the threshold), and the state by missing, ignore, breaching, notBreaching. A: ALARM, O: OK,
 * I: INSUFFICIENT_DATA, R: as it was. */
static void alarms_are_judged_as_the_tables_of_the_guide_say(void **state)
{
    (void)state;
    static const struct {
        size_t needed; /* of 3 */
        const char *points;
        const char *wanted;
    } rows[] = {
        {3, "0-X-X", "OOOO"}, {3, "----0", "OOOO"}, {3, "-----", "IRAO"}, {3, "0XX-X", "AAAA"},
        {3, "--X--", "ARAO"}, {2, "0-X-X", "AAAA"}, {2, "00X0X", "AAAA"}, {2, "0-X--", "OOAO"},
        {2, "----0", "OOAO"}, {2, "---X-", "ARAO"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double values[5];
        for (size_t k = 0; k < COUNT_OF(values); k++)
            values[k] = rows[i].points[k] == '-' ? NAN : rows[i].points[k] == 'X' ? 2 : 0;
        for (size_t k = 0; k < 8; k++) {
            rule r = {.periods = 3,
                      .needed = rows[i].needed,
                      .compare = ABOVE,
                      .threshold = 1,
                      .treat = (rule_treat)(k / 2)};
            rule_state before = k % 2 ? RULE_OK : RULE_ALARM;
            rule_state got = rule_decide(&r, values, before);
            char c = rows[i].wanted[k / 2];
            rule_state wanted = c == 'A'   ? RULE_ALARM
                                : c == 'O' ? RULE_OK
                                : c == 'I' ? RULE_INSUFFICIENT
                                           : before;
            if (got != wanted) {
                fail_msg("%s, %zu of 3, treatment %zu: %d", rows[i].points, rows[i].needed, k / 2,
                         got);
            }
        }
    }
}

static void thresholds_are_compared_in_four_ways(void **state)
{
    (void)state;
    static const bool wanted[][3] = {[ABOVE] = {false, false, true},
                                     [ABOVE_OR_AT] = {false, true, true},
                                     [BELOW] = {true, false, false},
                                     [BELOW_OR_AT] = {true, true, false}};
    for (unsigned c = 0; c < COUNT_OF(wanted); c++) {
        for (size_t i = 0; i < 3; i++) {
            rule r = {.compare = (rule_compare)c, .threshold = 1};
            assert_int_equal(rule_breaches(&r, (double)i), wanted[c][i]);
        }
    }
}

static json_t *alarm_call(const char *treat)
{
    return json_pack("{s:s,s:s,s:s,s:[{s:s,s:s}],s:s,s:i,s:i,s:i,s:f,s:s,s:s}", "AlarmName", "hits",
                     "Namespace", "AWS/ElastiCache", "MetricName", "CacheHits", "Dimensions",
                     "Name", "CacheClusterId", "Value", "cart-001", "Statistic", "Sum", "Period",
                     60, "EvaluationPeriods", 2, "DatapointsToAlarm", 2, "Threshold", 10.0,
                     "ComparisonOperator", "GreaterThanThreshold", "TreatMissingData", treat);
}

static void alarm_is(watch *w, const char *state, const char *reason)
{
    json_t *r = answer(w, "DescribeAlarms", json_object());
    json_t *a = json_array_get(json_object_get(r, "MetricAlarms"), 0);
    assert_string_equal(json_string_value(json_object_get(a, "StateValue")), state);
    assert_string_equal(json_string_value(json_object_get(a, "StateReason")), reason);
    assert_null(json_object_get(a, "Unchecked"));
    json_decref(r);
}

static void an_alarm_follows_its_metric(void **state)
{
    (void)state;
    json_t *alarms = json_object();
    watch *w = watch_make(alarms);
    json_decref(answer(w, "PutMetricAlarm", alarm_call("missing")));
    assert_true(watch_has_changed(w));
    assert_false(watch_has_changed(w));
    alarm_is(w, "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation");
    watch_turn(w, T0 - 4 * MINUTE);
    watch_turn(w, T0 - MINUTE); /* what was before the first turn is not known */
    alarm_is(w, "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation");
    watch_turn(w, T0);
    alarm_is(w, "INSUFFICIENT_DATA", "Insufficient Data: 2 datapoints were unknown.");
    feed(w, "cart-001", 1, 5, 0);
    watch_turn(w, T0 + MINUTE);
    alarm_is(w, "OK",
             "Threshold Crossed: 1 out of the last 2 datapoints [5.0 (24/11/25 16:00:00)] was not "
             "greater than the threshold (10.0) (minimum 1 datapoint for ALARM -> OK transition).");
    feed(w, "cart-001", 2, 25, 0);
    watch_turn(w, T0 + 2 * MINUTE);
    assert_true(watch_has_changed(w));
    feed(w, "cart-001", 3, 45, 0);
    watch_turn(w, T0 + 3 * MINUTE);
    alarm_is(
        w, "ALARM",
        "Threshold Crossed: 2 out of the last 2 datapoints [20.0 (24/11/25 16:02:00), 20.0 "
        "(24/11/25 16:01:00)] were greater than the threshold (10.0) (minimum 2 datapoints for "
        "OK -> ALARM transition).");
    json_decref(answer(w, "PutMetricAlarm", alarm_call("breaching"))); /* its state stays */
    watch_turn(w, T0 + 9 * MINUTE);
    json_t *r = answer(w, "DescribeAlarms", json_pack("{s:s}", "StateValue", "ALARM"));
    assert_int_equal(json_array_size(json_object_get(r, "MetricAlarms")), 1);
    json_decref(r);
    watch_free(w);
    assert_int_equal(json_object_size(alarms), 1); /* the caller keeps them */
    json_t *kept = json_deep_copy(alarms);
    w = watch_make(alarms); /* another run: nothing changes before it is sure */
    watch_turn(w, T0 + 10 * MINUTE);
    feed(w, "cart-001", 11, 45, 0);
    watch_turn(w, T0 + 11 * MINUTE);
    assert_true(json_equal(alarms, kept));
    feed(w, "cart-001", 12, 45, 0);
    watch_turn(w, T0 + 12 * MINUTE);
    alarm_is(w, "OK",
             "Threshold Crossed: 2 out of the last 2 datapoints [0.0 (24/11/25 16:11:00), 45.0 "
             "(24/11/25 16:10:00)] were not greater than the threshold (10.0) (minimum 1 datapoint "
             "for ALARM -> OK transition).");
    watch_free(w);
    json_decref(kept);
    json_decref(alarms);
}

/* --- calls ----------------------------------------------------------------------------------- */

static const struct {
    const char *operation, *call, *code, *word;
} wrong_calls[] = {
    {"PutMetricData", "{}", "NotImplemented", "PutMetricData"},
    {"ListMetrics", "{\"OwningAccount\":\"1\"}", "NotImplemented", "OwningAccount"},
    {"ListMetrics", "{\"MetricName\":\"\"}", "ValidationError", "greater than or equal to 1"},
    {"ListMetrics", "{\"NextToken\":\"x\"}", "InvalidParameterValue", "NextToken"},
    {"ListMetrics", "{\"Dimensions\":[{}]}", "ValidationError", "Name is required"},
    {"ListMetrics", "{\"Dimensions\":{}}", "ValidationError", "list"},
    {"ListMetrics", "{\"Dimensions\":[null]}", "ValidationError", "null"},
    {"ListMetrics", "[]", "ValidationError", "structure"},
    {"GetMetricStatistics", "{}", "MissingParameter", "Namespace is required"},
    {"GetMetricStatistics",
     "{\"Namespace\":\"a\",\"MetricName\":\"b\",\"StartTime\":\"2026-01-01T00:00:00Z\","
     "\"EndTime\":\"2026-01-02T00:01:00Z\",\"Period\":60,\"Statistics\":[\"Sum\"]}",
     "InvalidParameterCombination", "up to 1441 datapoints"},
    {"GetMetricStatistics",
     "{\"Namespace\":\"a\",\"MetricName\":\"b\",\"StartTime\":2,\"EndTime\":1,\"Period\":60,"
     "\"Statistics\":[\"Sum\"]}",
     "InvalidParameterValue", "must be less than"},
    {"GetMetricStatistics",
     "{\"Namespace\":\"a\",\"MetricName\":\"b\",\"StartTime\":1,\"EndTime\":2,\"Period\":61,"
     "\"Statistics\":[\"Sum\"]}",
     "InvalidParameterValue", "multiple of 60"},
    {"GetMetricStatistics",
     "{\"Namespace\":\"a\",\"MetricName\":\"b\",\"StartTime\":1,\"EndTime\":2,\"Period\":\"0\","
     "\"Statistics\":[\"Sum\"]}",
     "ValidationError", "'period' failed to satisfy constraint: Member must have value greater"},
    {"GetMetricStatistics",
     "{\"Namespace\":\"a\",\"MetricName\":\"b\",\"StartTime\":1,\"EndTime\":2,\"Period\":60}",
     "InvalidParameterCombination", "Statistics"},
    {"GetMetricStatistics",
     "{\"Namespace\":\"a\",\"MetricName\":\"b\",\"StartTime\":1,\"EndTime\":2,\"Period\":60,"
     "\"Statistics\":[\"Mean\"]}",
     "ValidationError", "enum value set: [SampleCount"},
    {"GetMetricStatistics",
     "{\"Namespace\":\"a\",\"MetricName\":\"b\",\"StartTime\":\"soon\",\"EndTime\":2,"
     "\"Period\":60,\"Statistics\":[\"Sum\"]}",
     "ValidationError", "ISO8601"},
    {"GetMetricData",
     "{\"MetricDataQueries\":[{\"Id\":\"e\",\"Expression\":\"m1*2\"}],\"StartTime\":1,"
     "\"EndTime\":2}",
     "NotImplemented", "metric math"},
    {"GetMetricData", "{\"MetricDataQueries\":[{\"Id\":\"1\"}],\"StartTime\":1,\"EndTime\":2}",
     "ValidationError", "pattern"},
    {"GetMetricData", "{\"MetricDataQueries\":[{\"Id\":\"a\"}],\"StartTime\":1,\"EndTime\":2}",
     "ValidationError", "MetricStat is required"},
    {"GetMetricData",
     "{\"MetricDataQueries\":[],\"StartTime\":1,\"EndTime\":2,\"NextToken\":\"x\"}",
     "InvalidNextToken", "token"},
    {"PutMetricAlarm", "{\"AlarmName\":\"a\"}", "ValidationError", "required"},
    {"PutMetricAlarm", "{\"AlarmName\":\"a\",\"Metrics\":[]}", "NotImplemented", "Metrics"},
    {"DescribeAlarms", "{\"MaxRecords\":101}", "ValidationError", "less than or equal to 100"},
    {"DescribeAlarms", "{\"NextToken\":\"x\"}", "InvalidNextToken", "token"},
    {"DeleteAlarms", "{\"AlarmNames\":[\"x\"]}", "ResourceNotFound", "x"},
};

static void wrong_calls_get_the_errors_of_the_service(void **state)
{
    (void)state;
    json_t *alarms = json_object();
    watch *w = watch_make(alarms);
    for (size_t i = 0; i < COUNT_OF(wrong_calls); i++) {
        json_error_t why;
        watch_fault f = {0};
        json_t *result = NULL;
        json_t *call = json_loads(wrong_calls[i].call, 0, &why);
        assert_non_null(call);
        if (watch_call(w, wrong_calls[i].operation, call, &result, &f))
            fail_msg("row %zu was done", i);
        if (strcmp(f.code, wrong_calls[i].code) != 0 || !strstr(f.message, wrong_calls[i].word))
            fail_msg("row %zu: %s: %s", i, f.code, f.message);
        json_decref(call);
    }
    assert_false(watch_has_changed(w));
    watch_free(w);
    json_decref(alarms);
}

static void a_wrong_alarm_is_refused_in_the_service_s_words(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        json_int_t number;
        const char *text;
        const char *code, *word;
    } rows[] = {
        {"DatapointsToAlarm", 3, NULL, "ValidationError",
         "DatapointsToAlarm must be less than or equal to EvaluationPeriods"},
        {"EvaluationPeriods", 1441, NULL, "ValidationError", "more than a day"},
        {"Period", 90, NULL, "ValidationError", "Period must be 10, 30 or a multiple of 60"},
        {"Period", 5, NULL, "ValidationError", "Period must be 10, 30 or a multiple of 60"},
        {"ExtendedStatistic", 0, "p99", "ValidationError", "Exactly one"},
        {"TreatMissingData", 0, "perhaps", "ValidationError", "enum"},
        {"ComparisonOperator", 0, "GreaterThanUpperThreshold", "NotImplemented", "anomaly"},
        {"Tags", 0, "x", "NotImplemented", "Tags"},
    };
    json_t *alarms = json_object();
    watch *w = watch_make(alarms);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        watch_fault f = {0};
        json_t *result = NULL;
        json_t *call = alarm_call("missing");
        json_t *value = rows[i].text ? json_string(rows[i].text) : json_integer(rows[i].number);
        assert_int_equal(json_object_set_new(call, rows[i].member, value), 0);
        assert_false(watch_call(w, "PutMetricAlarm", call, &result, &f));
        if (strcmp(f.code, rows[i].code) != 0 || !strstr(f.message, rows[i].word))
            fail_msg("row %zu: %s: %s", i, f.code, f.message);
        json_decref(call);
    }
    assert_int_equal(json_object_size(alarms), 0);
    watch_free(w);
    json_decref(alarms);
}

static void pages_of_datapoints_fit_together(void **state)
{
    (void)state;
    static const char *const orders[] = {"TimestampDescending", "TimestampAscending"};
    json_t *alarms = json_object();
    watch *w = watch_make(alarms);
    for (int i = 1; i <= 7; i++)
        feed(w, "cart-001", i, i * i, 0);
    for (size_t k = 0; k < COUNT_OF(orders); k++) {
        char got[400] = "";
        char token[64] = "";
        size_t pages = 0;
        do {
            json_t *call = json_pack(
                "{s:[{s:s,s:{s:{s:s,s:s,s:[{s:s,s:s}]},s:i,s:s}},{s:s,s:{s:{s:s,s:s},s:i,s:s}}],"
                "s:f,s:f,s:s,s:i}",
                "MetricDataQueries", "Id", "a", "MetricStat", "Metric", "Namespace",
                "AWS/ElastiCache", "MetricName", "CacheHits", "Dimensions", "Name",
                "CacheClusterId", "Value", "cart-001", "Period", 60, "Stat", "Sum", "Id", "b",
                "MetricStat", "Metric", "Namespace", "Other", "MetricName", "CacheHits", "Period",
                60, "Stat", "Sum", "StartTime", (double)T0 / 1000, "EndTime",
                (double)(T0 + 600 * MINUTE) / 1000, "ScanBy", orders[k], "MaxDatapoints", 3);
            if (token[0]) (void)json_object_set_new(call, "NextToken", json_string(token));
            json_t *r = answer(w, "GetMetricData", call);
            json_t *values = json_object_get(
                json_array_get(json_object_get(r, "MetricDataResults"), 0), "Values");
            size_t i = 0;
            json_t *one = NULL;
            json_array_foreach(values, i, one)
            {
                size_t used = strlen(got);
                (void)snprintf(got + used, sizeof got - used, "%g ", json_real_value(one));
            }
            const char *next = json_string_value(json_object_get(r, "NextToken"));
            (void)snprintf(token, sizeof token, "%s", next ? next : "");
            json_decref(r);
            pages++;
        } while (token[0] && pages < 9);
        assert_string_equal(got, k ? "1 3 5 7 9 11 13 " : "13 11 9 7 5 3 1 ");
        assert_int_equal(pages, 3);
    }
    watch_free(w);
    json_decref(alarms);
}

static void alarms_and_metrics_are_listed_in_pages(void **state)
{
    (void)state;
    json_t *alarms = json_object();
    watch *w = watch_make(alarms);
    char token[64] = "";
    size_t count = 0;
    for (int i = 0; i < 25; i++) {
        char name[16];
        json_t *call = alarm_call("missing");
        (void)snprintf(name, sizeof name, "a%02d", i);
        (void)json_object_set_new(call, "AlarmName", json_string(name));
        json_decref(answer(w, "PutMetricAlarm", call));
    }
    for (size_t pages = 0; pages == 0 || token[0]; pages++) {
        json_t *call = json_pack("{s:s,s:i}", "AlarmNamePrefix", "a", "MaxRecords", 10);
        if (token[0]) (void)json_object_set_new(call, "NextToken", json_string(token));
        json_t *r = answer(w, "DescribeAlarms", call);
        count += json_array_size(json_object_get(r, "MetricAlarms"));
        const char *next = json_string_value(json_object_get(r, "NextToken"));
        (void)snprintf(token, sizeof token, "%s", next ? next : "");
        json_decref(r);
        assert_true(pages < 3);
    }
    assert_int_equal(count, 25);
    feed(w, "cart-001", 1, 1, 1);
    feed(w, "cart-002", 1, 1, 1);
    json_t *r = answer(w, "ListMetrics",
                       json_pack("{s:s,s:[{s:s,s:s}]}", "MetricName", "CacheHits", "Dimensions",
                                 "Name", "CacheClusterId", "Value", "cart-002"));
    assert_int_equal(json_array_size(json_object_get(r, "Metrics")),
                     2); /* with the node's, and without */
    json_decref(r);
    for (int i = 10; i < 60; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "cart-0%d", i);
        feed(w, name, 1, 1, 1);
    }
    size_t pages = 0;
    for (count = 0; pages == 0 || token[0]; pages++) {
        r = answer(w, "ListMetrics",
                   token[0] ? json_pack("{s:s}", "NextToken", token) : json_object());
        count += json_array_size(json_object_get(r, "Metrics"));
        const char *next = json_string_value(json_object_get(r, "NextToken"));
        (void)snprintf(token, sizeof token, "%s", next ? next : "");
        json_decref(r);
        assert_true(pages < 9);
    }
    assert_int_equal(pages, (count + 499) / 500);
    assert_true(count > 500);
    watch_free(w);
    json_decref(alarms);
}

static void times_are_read_in_every_form_of_the_protocol(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: it is none */
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-28T21:15:19Z", INT64_C(1795900519000)},
        {"2026-11-28T21:15:19.25Z", INT64_C(1795900519250)},
        {"2026-11-28T21:15:19.250999999+00:00", INT64_C(1795900519250)},
        {"2026-11-28T23:15:19+02:00", INT64_C(1795900519000)},
        {"2026-11-28T19:45:19-0130", INT64_C(1795900519000)},
        {"2026-11-28 21:15:19", INT64_C(1795900519000)},
        {"2026-11-28T21:15", INT64_C(1795900500000)},
        {"2024-02-29", INT64_C(1709164800000)},
        {"2026-11-28T21:15:19X", -1},
        {"2026-11-28T21:15:19Z ", -1},
        {"2026-13-01", -1},
        {"2026-00-01", -1},
        {"2026-11-28T24:00:00Z", -1},
        {"2026-11-28T", -1},
        {"26-11-28", -1},
        {"", -1},
        {"1795900519", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t ms = -1;
        bool good = times_read(span_text(rows[i].text), &ms);
        if (good != (rows[i].ms >= 0) || ms != rows[i].ms)
            fail_msg("'%s': %d, %" PRId64, rows[i].text, good, ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas_are_worked_out),
        cmocka_unit_test(a_broken_formula_is_refused),
        cmocka_unit_test(the_table_of_formulas_and_that_of_metrics_are_of_the_same_metrics),
        cmocka_unit_test(commands_are_counted_in_each_family_they_are_of),
        cmocka_unit_test(metrics_are_computed_as_the_table_says),
        cmocka_unit_test(a_sample_bears_the_time_of_the_minute_before),
        cmocka_unit_test(a_node_keeps_a_day_and_no_more),
        cmocka_unit_test(statistics_are_those_of_each_period),
        cmocka_unit_test(alarms_are_judged_as_the_tables_of_the_guide_say),
        cmocka_unit_test(thresholds_are_compared_in_four_ways),
        cmocka_unit_test(an_alarm_follows_its_metric),
        cmocka_unit_test(wrong_calls_get_the_errors_of_the_service),
        cmocka_unit_test(a_wrong_alarm_is_refused_in_the_service_s_words),
        cmocka_unit_test(pages_of_datapoints_fit_together),
        cmocka_unit_test(alarms_and_metrics_are_listed_in_pages),
        cmocka_unit_test(times_are_read_in_every_form_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
