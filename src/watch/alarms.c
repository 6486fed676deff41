/* Alarms: PutMetricAlarm, DescribeAlarms, DeleteAlarms, and their evaluation.
 *
 * An alarm is kept as the API shows it, with times in milliseconds. Its windows end with the last
 * whole minute, whatever its period. Actions are kept and never taken. */
#include <math.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "watch/rule.h"
#include "watch/watch_internal.h"

#define DAY_SECONDS 86400
#define PAGE_DEFAULT 50
#define TOKEN "behind:"
#define REASON_MAX ((size_t)1023) /* of the service: AlarmStateReason */

static const char *const state_names[] = {
    [RULE_OK] = "OK", [RULE_ALARM] = "ALARM", [RULE_INSUFFICIENT] = "INSUFFICIENT_DATA"};

/* How the service's texts say it; the rest of the comparisons are for bands of normal values. */
static const struct {
    const char *name;
    rule_compare compare;
    const char *words;
} comparisons[] = {
    {"GreaterThanThreshold", ABOVE, "greater than"},
    {"GreaterThanOrEqualToThreshold", ABOVE_OR_AT, "greater than or equal to"},
    {"LessThanThreshold", BELOW, "less than"},
    {"LessThanOrEqualToThreshold", BELOW_OR_AT, "less than or equal to"},
};

static const struct {
    const char *name;
    rule_treat treat;
    const char *words;
} treatments[] = {
    {"missing", TREAT_MISSING, "Missing"},
    {"ignore", TREAT_IGNORE, "Ignore"},
    {"breaching", TREAT_BREACHING, "Breaching"},
    {"notBreaching", TREAT_NOT_BREACHING, "NonBreaching"},
};

static size_t comparison_of(const char *name)
{
    size_t i = 0;
    while (i < COUNT_OF(comparisons) && strcmp(comparisons[i].name, name) != 0)
        i++;
    return i;
}

static size_t treatment_of(const char *name)
{
    size_t i = 0;
    while (i + 1 < COUNT_OF(treatments) && strcmp(treatments[i].name, name) != 0)
        i++;
    return i;
}

/* --- evaluation ------------------------------------------------------------------------------ */

typedef struct {
    rule r;
    const char *compare_words;
    const char *treat_words;
    double *values;     /* of the range, the newest last; NAN: missing */
    int64_t *stamps_ms; /* of the same */
    double *counts;
    size_t range;
} evaluation;

static const char *statistic_name(json_t *alarm)
{
    const char *plain = member_text(alarm, "Statistic");
    return plain ? plain : member_text(alarm, "ExtendedStatistic");
}

static evaluation look(const watch *w, json_t *alarm, int64_t end_ms, arena *memory)
{
    size_t periods = (size_t)member_number(alarm, "EvaluationPeriods", 1);
    size_t compare = comparison_of(member_text(alarm, "ComparisonOperator"));
    const char *treat = member_text(alarm, "TreatMissingData");
    size_t treat_at = treatment_of(treat ? treat : "missing");
    int64_t period = period_ms(w, member_number(alarm, "Period", 60));
    assert(compare < COUNT_OF(comparisons));
    evaluation v = {
        .r = {.periods = periods,
              .needed = (size_t)member_number(alarm, "DatapointsToAlarm", (int64_t)periods),
              .compare = comparisons[compare].compare,
              .threshold = json_number_value(json_object_get(alarm, "Threshold")),
              .treat = treatments[treat_at].treat},
        .compare_words = comparisons[compare].words,
        .treat_words = treatments[treat_at].words,
        .range = periods + RULE_RANGE_MORE,
    };
    v.values = arena_alloc(memory, v.range * sizeof *v.values);
    v.stamps_ms = arena_alloc(memory, v.range * sizeof *v.stamps_ms);
    v.counts = arena_alloc(memory, v.range * sizeof *v.counts);
    for (size_t i = 0; i < v.range; i++) {
        v.values[i] = NAN;
        v.stamps_ms[i] = end_ms - (int64_t)(v.range - i) * period;
    }
    series s = series_find(w, alarm);
    history_point *points = NULL;
    bucket *buckets = NULL;
    size_t taken =
        series_take(w, &s, member_text(alarm, "Unit"), v.stamps_ms[0], end_ms, memory, &points);
    size_t count = statistics_buckets(points, taken, period, v.stamps_ms[0], memory, &buckets);
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)((buckets[i].stamp_ms - v.stamps_ms[0]) / period);
        v.values[at] = statistic_of(&buckets[i], statistic_name(alarm));
        v.counts[at] = (double)buckets[i].count;
    }
    return v;
}

/* 1.0, 0.25: with a point, as the service shows numbers. */
typedef struct {
    char text[40];
} number_text;

static number_text number_show(double value)
{
    number_text n;
    (void)snprintf(n.text, sizeof n.text, "%.15g", value);
    if (!strpbrk(n.text, ".en")) (void)snprintf(n.text, sizeof n.text, "%.15g.0", value);
    return n;
}

static bool datapoint_say(buf *out, double value, int64_t stamp_ms, const char *mark)
{
    struct tm t = {0};
    char stamp[40] = "";
    time_t seconds = (time_t)(stamp_ms / 1000);
    if (gmtime_r(&seconds, &t)) {
        (void)snprintf(stamp, sizeof stamp, "%02d/%02d/%02d %02d:%02d:%02d", t.tm_mday,
                       t.tm_mon + 1, t.tm_year % 100, t.tm_hour, t.tm_min, t.tm_sec);
    }
    return buf_printf(out, "%s%s (%s)", mark, number_show(value).text, stamp);
}

/* The newest first, as many as the alarm looks at. */
static size_t datapoints_say(buf *out, const evaluation *v, bool *fits)
{
    size_t there = 0;
    for (size_t age = 1; age <= v->range && there < v->r.periods; age++) {
        double value = v->values[v->range - age];
        if (isnan(value)) continue;
        *fits = *fits && datapoint_say(out, value, v->stamps_ms[v->range - age], there ? ", " : "");
        there++;
    }
    return there;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* In the words of the service, cut where it cuts. */
static void reason_say(const evaluation *v, rule_state state, buf *out)
{
    CLEANUP(buf_clear) buf points = buf_of(16 * KIB);
    bool fits = true;
    size_t there = datapoints_say(&points, v, &fits);
    size_t missing = v->r.periods - there;
    const char *verb =
        state == RULE_ALARM ? (there == 1 ? "was" : "were") : (there == 1 ? "was not" : "were not");
    if (state == RULE_INSUFFICIENT) {
        fits = buf_printf(out, "Insufficient Data: %zu datapoint%s %s unknown.", v->r.periods,
                          plural(v->r.periods), v->r.periods == 1 ? "was" : "were");
    } else if (there == 0) {
        fits = buf_printf(out,
                          "Threshold Crossed: no datapoints were received for %zu period%s and "
                          "%zu missing datapoint%s %s treated as [%s].",
                          v->r.periods, plural(v->r.periods), missing, plural(missing),
                          missing == 1 ? "was" : "were", v->treat_words);
    } else {
        size_t least = state == RULE_ALARM ? v->r.needed : v->r.periods - v->r.needed + 1;
        fits = buf_printf(out, "Threshold Crossed: %zu out of the last %zu datapoints [", there,
                          v->r.periods) &&
               buf_append(out, buf_span(&points)) &&
               buf_printf(out,
                          "] %s %s the threshold (%s) (minimum %zu datapoint%s for %s "
                          "transition).",
                          verb, v->compare_words, number_show(v->r.threshold).text, least,
                          plural(least), state == RULE_ALARM ? "OK -> ALARM" : "ALARM -> OK");
    }
    if (!fits) log_debug("watch: a reason was cut");
    out->size = size_min(out->size, REASON_MAX);
}

/* The datapoints as the service tells them to programs: a JSON text. */
static char *reason_data(const evaluation *v, json_t *alarm, int64_t now_ms)
{
    json_t *recent = json_array();
    json_t *all = json_array();
    for (size_t age = 1; age <= v->range && json_array_size(all) < v->r.periods; age++) {
        size_t at = v->range - age;
        if (isnan(v->values[at])) continue;
        (void)json_array_insert_new(recent, 0, json_real(v->values[at]));
        (void)json_array_append_new(
            all, json_pack("{s:s,s:f,s:f}", "timestamp", clock_show_ms(v->stamps_ms[at]).text,
                           "sampleCount", v->counts[at], "value", v->values[at]));
    }
    json_t *data =
        json_pack("{s:s,s:s,s:s,s:I,s:o,s:f,s:o}", "version", "1.0", "queryDate",
                  clock_show_ms(now_ms).text, "statistic", statistic_name(alarm), "period",
                  (json_int_t)member_number(alarm, "Period", 60), "recentDatapoints", recent,
                  "threshold", v->r.threshold, "evaluatedDatapoints", all);
    char *text = json_dumps(data, JSON_COMPACT);
    json_decref(data);
    return text;
}

static rule_state state_of(json_t *alarm)
{
    const char *name = member_text(alarm, "StateValue");
    for (size_t i = 0; i < COUNT_OF(state_names); i++)
        if (name && strcmp(name, state_names[i]) == 0) return (rule_state)i;
    return RULE_INSUFFICIENT;
}

void alarm_evaluate(watch *w, json_t *alarm, int64_t end_ms, int64_t now_ms)
{
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf reason = buf_of(32 * KIB);
    rule_state before = state_of(alarm);
    evaluation v = look(w, alarm, end_ms, &memory);
    /* What was before the first samples is not known, and is not taken for missing. */
    if (v.stamps_ms[0] < w->since_ms && !rule_is_sure(&v.r, v.values)) return;
    rule_state state = rule_decide(&v.r, v.values, before);
    bool is_first = json_object_get(alarm, "Unchecked") != NULL;
    (void)json_object_del(alarm, "Unchecked"); /* or was not there */
    if (state == before && !is_first) return;
    reason_say(&v, state, &reason);
    (void)json_object_set_new(alarm, "StateReason",
                              json_stringn((const char *)reason.at, reason.size));
    char *data = reason_data(&v, alarm, now_ms);
    text_put(alarm, "StateReasonData", data);
    free(data);
    (void)json_object_set_new(alarm, "StateUpdatedTimestamp", json_integer(now_ms));
    if (state != before)
        (void)json_object_set_new(alarm, "StateTransitionedTimestamp", json_integer(now_ms));
    text_put(alarm, "StateValue", state_names[state]);
    w->changed = true;
}

/* --- PutMetricAlarm -------------------------------------------------------------------------- */

static bool needs(json_t *call, const char *name, watch_fault *f)
{
    return json_object_get(call, name) ||
           watch_fail(f, 400, "ValidationError", "The parameter %s is required.", name);
}

static bool alarm_check(json_t *call, watch_fault *f)
{
    static const char *const needed[] = {
        "EvaluationPeriods", "ComparisonOperator", "MetricName", "Namespace", "Period",
        "Threshold"};
    const char *percentile = member_text(call, "ExtendedStatistic");
    const char *plain = member_text(call, "Statistic");
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        if (!needs(call, needed[i], f)) return false;
    int64_t period = member_number(call, "Period", 0);
    int64_t periods = member_number(call, "EvaluationPeriods", 0);
    if (comparison_of(member_text(call, "ComparisonOperator")) == COUNT_OF(comparisons)) {
        return watch_fail(f, 501, "NotImplemented",
                          "The sandbox does not have anomaly detection: ComparisonOperator %s.",
                          member_text(call, "ComparisonOperator"));
    }
    if (!plain == !percentile) {
        return watch_fail(f, 400, "ValidationError",
                          "Exactly one of Statistic and ExtendedStatistic must be specified");
    }
    if (period == 1 || period == 5 || !period_check(period, "ValidationError", f)) {
        return watch_fail(f, 400, "ValidationError", "Period must be 10, 30 or a multiple of 60");
    }
    if (period * periods > DAY_SECONDS) {
        return watch_fail(f, 400, "ValidationError",
                          "Metrics cannot be checked across more than a day (EvaluationPeriods * "
                          "Period must be <= 86400)");
    }
    if (member_number(call, "DatapointsToAlarm", 1) > periods) {
        return watch_fail(f, 400, "ValidationError",
                          "DatapointsToAlarm must be less than or equal to EvaluationPeriods");
    }
    return !percentile || (percentile[0] == 'p' && statistic_is_known(percentile)) ||
           statistic_check(percentile, "ValidationError", f) ||
           watch_fail(f, 400, "ValidationError", "The statistic '%s' is not a percentile.",
                      span_show(span_text(percentile)).text);
}

/* What an alarm keeps of the one that it takes the place of. */
static void state_keep(json_t *alarm, json_t *old, int64_t now_ms)
{
    static const char *const kept[] = {"StateValue", "StateReason", "StateReasonData",
                                       "StateUpdatedTimestamp", "StateTransitionedTimestamp"};
    if (!old) {
        text_put(alarm, "StateValue", state_names[RULE_INSUFFICIENT]);
        text_put(alarm, "StateReason", "Unchecked: Initial alarm creation");
        (void)json_object_set_new(alarm, "StateUpdatedTimestamp", json_integer(now_ms));
        (void)json_object_set_new(alarm, "StateTransitionedTimestamp", json_integer(now_ms));
        (void)json_object_set_new(alarm, "Unchecked", json_true());
        return;
    }
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        json_t *value = json_object_get(old, kept[i]);
        if (value) (void)json_object_set(alarm, kept[i], value);
    }
}

bool put_metric_alarm(watch *w, json_t *call, json_t **ret, watch_fault *f)
{
    static const char *const lists[] = {"OKActions", "AlarmActions", "InsufficientDataActions",
                                        "Dimensions"};
    const char *name = member_text(call, "AlarmName");
    char arn[512];
    int64_t now_ms = clock_wall_ms();
    (void)ret; /* there is no answer but that it is done */
    if (!alarm_check(call, f)) return false;
    json_t *old = json_object_get(w->alarms, name);
    if (!old && json_object_size(w->alarms) >= ALARMS_MAX) {
        return watch_fail(f, 400, "LimitExceeded", "The limit of %zu alarms is reached.",
                          ALARMS_MAX);
    }
    json_t *alarm = json_copy(call);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (!json_object_get(alarm, lists[i]))
            (void)json_object_set_new(alarm, lists[i], json_array());
    }
    if (!json_object_get(alarm, "ActionsEnabled"))
        (void)json_object_set_new(alarm, "ActionsEnabled", json_true());
    (void)snprintf(arn, sizeof arn, "arn:aws:cloudwatch:%s:%s:alarm:%s", w->region, w->account,
                   name);
    text_put(alarm, "AlarmArn", arn);
    (void)json_object_set_new(alarm, "AlarmConfigurationUpdatedTimestamp", json_integer(now_ms));
    state_keep(alarm, old, now_ms);
    (void)json_object_set_new(w->alarms, name, alarm);
    w->changed = true;
    return true;
}

/* --- DescribeAlarms, DeleteAlarms ------------------------------------------------------------ */

static bool list_has(json_t *list, const char *text)
{
    size_t i = 0;
    json_t *one = NULL;
    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(one), text) == 0) return true;
    }
    return false;
}

static bool begins(const char *text, const char *prefix)
{
    return span_starts(span_text(text), prefix);
}

static bool has_action(json_t *alarm, const char *prefix)
{
    static const char *const lists[] = {"OKActions", "AlarmActions", "InsufficientDataActions"};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        size_t at = 0;
        json_t *one = NULL;
        json_array_foreach(json_object_get(alarm, lists[i]), at, one)
        {
            if (begins(json_string_value(one), prefix)) return true;
        }
    }
    return false;
}

static bool is_asked_for(json_t *call, const char *name, json_t *alarm)
{
    json_t *names = json_object_get(call, "AlarmNames");
    json_t *types = json_object_get(call, "AlarmTypes");
    const char *prefix = member_text(call, "AlarmNamePrefix");
    const char *state = member_text(call, "StateValue");
    const char *action = member_text(call, "ActionPrefix");
    return (json_array_size(names) == 0 || list_has(names, name)) &&
           (json_array_size(types) == 0 || list_has(types, "MetricAlarm")) &&
           (!prefix || begins(name, prefix)) &&
           (!state || strcmp(state, member_text(alarm, "StateValue")) == 0) &&
           (!action || has_action(alarm, action));
}

static json_t *alarm_show(json_t *alarm)
{
    json_t *out = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(alarm, name, value)
    {
        if (strcmp(name, "Unchecked") == 0) continue;
        bool is_time = strstr(name, "Timestamp") != NULL;
        (void)json_object_set_new(
            out, name, is_time ? time_show(json_integer_value(value)) : json_incref(value));
    }
    return out;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted by name; a page goes on behind the name that the token has. */
bool describe_alarms(watch *w, json_t *call, json_t **ret, watch_fault *f)
{
    CLEANUP(arena_clear) arena memory = {0};
    const char *token = member_text(call, "NextToken");
    int64_t room = member_number(call, "MaxRecords", PAGE_DEFAULT);
    const char *name = NULL;
    json_t *alarm = NULL;
    size_t count = 0;
    if (json_array_size(json_object_get(call, "AlarmNames")) > 0 &&
        member_text(call, "AlarmNamePrefix")) {
        return watch_fail(f, 400, "ValidationError",
                          "AlarmNamePrefix and AlarmNames cannot be specified together");
    }
    if (token && !begins(token, TOKEN))
        return watch_fail(f, 400, "InvalidNextToken", "The next token is not one of this call.");
    if (token) token += strlen(TOKEN);
    const char **names = arena_alloc(&memory, (json_object_size(w->alarms) + 1) * sizeof *names);
    json_object_foreach(w->alarms, name, alarm)
    {
        if (is_asked_for(call, name, alarm) && (!token || strcmp(name, token) > 0))
            names[count++] = name;
    }
    qsort(names, count, sizeof *names, by_name);
    json_t *all = json_array();
    for (size_t i = 0; i < count && (int64_t)i < room; i++)
        (void)json_array_append_new(all, alarm_show(json_object_get(w->alarms, names[i])));
    *ret = json_pack("{s:[],s:o}", "CompositeAlarms", "MetricAlarms", all);
    if ((int64_t)count > room)
        text_put(*ret, "NextToken", arena_printf(&memory, TOKEN "%s", names[room - 1]));
    return true;
}

bool delete_alarms(watch *w, json_t *call, json_t **ret, watch_fault *f)
{
    json_t *names = json_object_get(call, "AlarmNames");
    size_t i = 0;
    json_t *one = NULL;
    (void)ret; /* there is no answer but that it is done */
    json_array_foreach(names, i, one)
    {
        if (json_object_get(w->alarms, json_string_value(one))) continue;
        return watch_fail(f, 404, "ResourceNotFound", "Unknown: alarm '%s'",
                          span_show(span_text(json_string_value(one))).text);
    }
    json_array_foreach(names, i, one)
    {
        (void)json_object_del(w->alarms, json_string_value(one)); /* named twice: gone already */
        w->changed = true;
    }
    return true;
}
