#include "watch/watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "watch/watch_internal.h"

bool watch_new(const watch_options *o, watch **ret, err *e)
{
    watch *w = mem_alloc(sizeof *w);
    assert(o->minute_ms > 0);
    if (!metrics_new(&w->metrics, e)) {
        free(w);
        return false;
    }
    (void)snprintf(w->region, sizeof w->region, "%s", o->region); /* names of ours: they fit */
    (void)snprintf(w->account, sizeof w->account, "%s", o->account);
    w->minute_ms = o->minute_ms;
    w->alarms = json_incref(o->alarms);
    w->history.metric_count = metrics_count(w->metrics);
    *ret = w;
    return true;
}

void watch_free(watch *w)
{
    if (!w) return;
    history_clear(&w->history);
    metrics_free(w->metrics);
    json_decref(w->alarms);
    free(w);
}

bool watch_call(watch *w, const char *operation, json_t *call, json_t **ret, watch_fault *f)
{
    json_t *checked = NULL;
    for (size_t i = 0; watch_operation_at(i); i++) {
        const watch_operation *o = watch_operation_at(i);
        if (strcmp(o->name, operation) != 0) continue;
        bool done = model_check(o->takes, o->name, call, &checked, f) && o->run(w, checked, ret, f);
        json_decref(checked);
        return done;
    }
    return watch_fail(f, 501, "NotImplemented",
                      "The sandbox does not have the operation %s of monitoring.",
                      span_show(span_text(operation)).text);
}

/* --- samples --------------------------------------------------------------------------------- */

bool watch_is_due(const watch *w, int64_t now_ms)
{
    return now_ms / w->minute_ms != w->slot;
}

families *watch_families(const watch *w, const reply *commands)
{
    return metrics_families(w->metrics, commands);
}

/* A sample taken as a minute begins speaks of the minute before, and carries its time. */
void watch_sample(
    watch *w, const char *group, const char *node, const metrics_input *in, int64_t now_ms)
{
    double atoms[FORMULA_ATOMS_MAX];
    metrics_extra extras[16];
    metrics_input all = *in;
    history_node *n = history_at(&w->history, group, node);
    int64_t now_ns = clock_ns();
    assert(in->extra_count < COUNT_OF(extras));
    for (size_t i = 0; i < in->extra_count; i++)
        extras[i] = in->extras[i];
    extras[all.extra_count++] = (metrics_extra){
        "seconds", n->before ? (double)(now_ns - n->before_ns) / (double)NS_PER_S : NAN};
    all.extras = extras;
    metrics_look(w->metrics, &all, atoms);
    double *values = history_add(&w->history, n, (now_ms / w->minute_ms - 1) * w->minute_ms);
    metrics_compute(w->metrics, &all, atoms, n->before, values);
    size_t size = metrics_atom_count(w->metrics) * sizeof *atoms;
    if (!n->before) n->before = mem_alloc(size);
    memcpy(n->before, atoms, size);
    n->before_ns = now_ns;
}

void watch_turn(watch *w, int64_t now_ms)
{
    const char *name = NULL;
    json_t *alarm = NULL;
    w->slot = now_ms / w->minute_ms;
    if (w->since_ms == 0) w->since_ms = w->slot * w->minute_ms;
    json_object_foreach(w->alarms, name, alarm)
    {
        alarm_evaluate(w, alarm, w->slot * w->minute_ms, now_ms);
    }
}

bool watch_has_changed(watch *w)
{
    bool changed = w->changed;
    w->changed = false;
    return changed;
}

/* --- what the operations share --------------------------------------------------------------- */

const char *member_text(json_t *call, const char *name)
{
    return json_string_value(json_object_get(call, name));
}

int64_t member_number(json_t *call, const char *name, int64_t otherwise)
{
    json_t *value = json_object_get(call, name);
    return value ? (int64_t)json_integer_value(value) : otherwise;
}

int64_t period_ms(const watch *w, int64_t seconds)
{
    int64_t ms = w->minute_ms * seconds / 60;
    return ms > 0 ? ms : 1;
}

bool period_check(int64_t seconds, const char *code, watch_fault *f)
{
    bool short_one = seconds == 1 || seconds == 5 || seconds == 10 || seconds == 30;
    if (short_one || seconds % 60 == 0) return true;
    return watch_fail(f, 400, code,
                      "The parameter Period must be 1, 5, 10, 30 or a multiple of 60.");
}

bool range_check(json_t *call, const char *code, watch_fault *f)
{
    if (member_number(call, "StartTime", 0) < member_number(call, "EndTime", 0)) return true;
    return watch_fail(f, 400, code,
                      "The parameter StartTime must be less than the parameter EndTime.");
}

bool statistic_check(const char *name, const char *code, watch_fault *f)
{
    static const char *const others[] = {"tm", "wm", "tc", "ts", "TM",
                                         "WM", "TC", "TS", "PR", "IQM"};
    if (statistic_is_known(name)) return true;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (strncmp(name, others[i], strlen(others[i])) == 0) {
            return watch_fail(f, 501, "NotImplemented",
                              "The sandbox does not have the statistic %s.",
                              span_show(span_text(name)).text);
        }
    }
    return watch_fail(f, 400, code, "The statistic '%s' is not valid.",
                      span_show(span_text(name)).text);
}

json_t *time_show(int64_t ms)
{
    return json_real((double)ms / 1000);
}

void text_put(json_t *object, const char *name, const char *text)
{
    (void)json_object_set_new(object, name, json_string(text)); /* NULL: nothing is set */
}

/* --- series ---------------------------------------------------------------------------------- */

static bool dimensions_read(json_t *dimensions, series *s)
{
    size_t i = 0;
    json_t *one = NULL;
    json_array_foreach(dimensions, i, one)
    {
        size_t n = 0;
        while (n < DIMENSION_KINDS && strcmp(dimension_name(n), member_text(one, "Name")) != 0)
            n++;
        if (n == DIMENSION_KINDS || (s->set & 1U << n)) return false;
        s->set |= 1U << n;
        s->values[n] = member_text(one, "Value");
    }
    return true;
}

series series_find(const watch *w, json_t *of)
{
    series s = {0};
    const char *space = member_text(of, "Namespace");
    const char *name = member_text(of, "MetricName");
    bool ours = space && name && strcmp(space, METRIC_NAMESPACE) == 0;
    if (!ours || !dimensions_read(json_object_get(of, "Dimensions"), &s)) return (series){0};
    for (size_t i = 0; i < metrics_count(w->metrics); i++) {
        const metric *m = metrics_at(w->metrics, i);
        if (strcmp(m->name, name) != 0) continue;
        for (size_t k = 0; k < m->set_count; k++) {
            if (m->sets[k] != s.set) continue;
            s.m = m;
            s.at = i;
            return s;
        }
    }
    return (series){0};
}

bool series_has_node(const series *s, const history_node *n)
{
    const char *own[DIMENSION_KINDS] = {n->node, NODE_ID, n->group, NODE_ID};
    for (size_t i = 0; i < DIMENSION_KINDS; i++)
        if ((s->set & 1U << i) && strcmp(own[i], s->values[i]) != 0) return false;
    return true;
}

size_t series_take(const watch *w,
                   const series *s,
                   const char *unit,
                   int64_t from_ms,
                   int64_t to_ms,
                   arena *memory,
                   history_point **ret)
{
    const history *h = &w->history;
    size_t nodes = 0;
    size_t count = 0;
    *ret = NULL;
    if (!s->m || (unit && strcmp(unit, s->m->unit) != 0)) return 0;
    for (size_t i = 0; i < h->count; i++)
        nodes += series_has_node(s, &h->nodes[i]);
    *ret = arena_alloc(memory, (nodes * HISTORY_SAMPLES + 1) * sizeof **ret);
    for (size_t i = 0; i < h->count; i++) {
        const history_node *n = &h->nodes[i];
        if (series_has_node(s, n)) count += history_take(h, n, s->at, from_ms, to_ms, *ret + count);
    }
    return count;
}
