#include "watch/model.h"

#include <math.h>
#include <stdarg.h>

#include "base/clock.h"
#include "watch/times.h"

bool watch_fail(watch_fault *f, unsigned status, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(f->message, sizeof f->message, format, args); /* or cut */
    va_end(args);
    f->status = status;
    f->code = code;
    return false;
}

/* "Period" -> "period", as the service names members in these messages. */
static bool invalid(const char *name, const char *value, watch_fault *f, const char *constraint)
{
    return watch_fail(f, 400, "ValidationError",
                      "1 validation error detected: Value '%s' at '%c%s' failed to satisfy "
                      "constraint: %s",
                      span_show(span_text(value)).text, (char)(name[0] | 0x20), name + 1,
                      constraint);
}

static bool out_of_range(const char *name, const char *value, const shape *s, watch_fault *f)
{
    char text[160];
    const char *what = s->kind == SHAPE_WHOLE ? "value" : "length";
    bool low = s->max == 0 || (s->kind == SHAPE_WHOLE && strtod(value, NULL) < (double)s->min) ||
               (s->kind == SHAPE_TEXT && (int64_t)strlen(value) < s->min);
    (void)snprintf(text, sizeof text, "Member must have %s %s than or equal to %lld", what,
                   low ? "greater" : "less", (long long)(low ? s->min : s->max));
    return invalid(name, value, f, text);
}

/* --- values ---------------------------------------------------------------------------------- */

static bool text_read(const shape *s, const char *name, json_t *in, json_t **ret, watch_fault *f)
{
    const char *text = json_string_value(in);
    if (!text) return invalid(name, "?", f, "Member must be a string");
    int64_t size = (int64_t)json_string_length(in);
    if (size < s->min || (s->max && size > s->max)) return out_of_range(name, text, s, f);
    if (s->words) {
        char word[64];
        char constraint[400];
        int used = snprintf(word, sizeof word, " %s ", text);
        if (used < 0 || (size_t)used >= sizeof word || strchr(text, ' ') ||
            !strstr(s->words, word)) {
            (void)snprintf(constraint, sizeof constraint,
                           "Member must satisfy enum value set: [%.*s]", (int)strlen(s->words) - 2,
                           s->words + 1);
            return invalid(name, text, f, constraint);
        }
    }
    *ret = json_incref(in);
    return true;
}

static bool number_of_value(json_t *in, double *ret)
{
    *ret = json_number_value(in);
    return json_is_number(in) ||
           (json_is_string(in) && span_to_double(span_text(json_string_value(in)), ret));
}

static bool number_read(const shape *s, const char *name, json_t *in, json_t **ret, watch_fault *f)
{
    double value = 0;
    char text[64] = "?";
    if (json_is_string(in)) (void)snprintf(text, sizeof text, "%s", json_string_value(in));
    if (!number_of_value(in, &value) || !isfinite(value))
        return invalid(name, text, f, "Member must be a number");
    if (s->kind == SHAPE_REAL) {
        *ret = json_real(value);
        return true;
    }
    (void)snprintf(text, sizeof text, "%.17g", value);
    if (value != floor(value) || fabs(value) > INT32_MAX)
        return invalid(name, text, f, "Member must be an integer");
    if (value < (double)s->min || (s->max && value > (double)s->max))
        return out_of_range(name, text, s, f);
    *ret = json_integer((json_int_t)value);
    return true;
}

static bool flag_read(const char *name, json_t *in, json_t **ret, watch_fault *f)
{
    const char *text = json_string_value(in);
    bool yes = json_is_true(in) || (text && strcmp(text, "true") == 0);
    bool no = json_is_false(in) || (text && strcmp(text, "false") == 0);
    if (!yes && !no) return invalid(name, text ? text : "?", f, "Member must be true or false");
    *ret = json_boolean(yes);
    return true;
}

static bool time_read(const char *name, json_t *in, json_t **ret, watch_fault *f)
{
    double seconds = 0;
    int64_t ms = 0;
    const char *text = json_string_value(in);
    bool good = text && times_read(span_text(text), &ms);
    if (!good && number_of_value(in, &seconds) && fabs(seconds) < TIMES_SECONDS_MAX) {
        good = true;
        ms = (int64_t)llround(seconds * 1000);
    }
    if (!good) {
        return watch_fail(f, 400, "ValidationError", "timestamp must follow ISO8601, at '%s'",
                          name);
    }
    *ret = json_integer((json_int_t)ms);
    return true;
}

static bool leaf_read(const shape *s, const char *name, json_t *in, json_t **ret, watch_fault *f)
{
    switch (s->kind) {
    case SHAPE_TEXT:
        return text_read(s, name, in, ret, f);
    case SHAPE_WHOLE:
    case SHAPE_REAL:
        return number_read(s, name, in, ret, f);
    case SHAPE_FLAG:
        return flag_read(name, in, ret, f);
    case SHAPE_TIME:
        return time_read(name, in, ret, f);
    case SHAPE_LIST:
    case SHAPE_OBJECT:
        break;
    }
    assert(false);
    return false;
}

/* --- the walk -------------------------------------------------------------------------------- */

/* One list or object on the way down. */
typedef struct {
    const shape *s;
    const char *name;
    json_t *in;
    json_t *out; /* held by the level above it, but for the first */
    size_t at;
} level;

static bool is_inner(const shape *s)
{
    return s->kind == SHAPE_LIST || s->kind == SHAPE_OBJECT;
}

static bool names_check(const shape *s, const char *operation, json_t *in, watch_fault *f)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(in, name, value)
    {
        const member *m = s->members;
        while (m->name && strcmp(m->name, name) != 0)
            m++;
        if (m->name || json_is_null(value)) continue;
        return watch_fail(f, 501, "NotImplemented",
                          "The sandbox does not have the parameter %s of %s.",
                          span_show(span_text(name)).text, operation);
    }
    return true;
}

static bool missing(const char *name, const char *operation, watch_fault *f)
{
    /* The model gives this fault to that operation alone. */
    bool own = strcmp(operation, "GetMetricStatistics") == 0;
    return watch_fail(f, 400, own ? "MissingParameter" : "ValidationError",
                      "The parameter %s is required.", name);
}

static bool level_open(level *l, const char *operation, watch_fault *f)
{
    if (l->s->kind == SHAPE_OBJECT) {
        if (!json_is_object(l->in)) return invalid(l->name, "?", f, "Member must be a structure");
        return names_check(l->s, operation, l->in, f);
    }
    /* The query protocol sends an empty list as an empty text. */
    bool empty = json_is_string(l->in) && json_string_length(l->in) == 0;
    if (!json_is_array(l->in) && !empty) return invalid(l->name, "?", f, "Member must be a list");
    int64_t count = (int64_t)json_array_size(l->in);
    char text[48];
    (void)snprintf(text, sizeof text, "[%lld items]", (long long)count);
    if (count < l->s->min || (l->s->max && count > l->s->max))
        return invalid(l->name, text, f, "Member must have another length");
    return true;
}

typedef enum { WALK_NEXT, WALK_UP, WALK_BAD } walk;

/* What comes next on this level: its shape, its name, and the value of the call. */
static walk level_next(level *l,
                       const char *operation,
                       const shape **s,
                       const char **name,
                       json_t **in,
                       watch_fault *f)
{
    if (l->s->kind == SHAPE_LIST) {
        *s = l->s->item;
        *name = l->name;
        *in = json_array_get(l->in, l->at);
        if (l->at++ >= json_array_size(l->in)) return WALK_UP;
        if (!json_is_null(*in)) return WALK_NEXT;
        (void)invalid(l->name, "null", f, "Member must not be null");
        return WALK_BAD;
    }
    for (const member *m = &l->s->members[l->at]; m->name; m++) {
        l->at++;
        *in = json_object_get(l->in, m->name);
        *s = m->of;
        *name = m->name;
        if (*in && !json_is_null(*in)) return WALK_NEXT;
        if (!m->needed) continue;
        (void)missing(m->name, operation, f);
        return WALK_BAD;
    }
    return WALK_UP;
}

static void put(level *l, const char *name, json_t *value)
{
    if (l->s->kind == SHAPE_LIST) {
        (void)json_array_append_new(l->out, value);
    } else {
        (void)json_object_set_new(l->out, name, value);
    }
}

static bool walk_all(level levels[MODEL_DEPTH_MAX], const char *operation, watch_fault *f)
{
    size_t depth = 1;
    while (depth > 0) {
        level *l = &levels[depth - 1];
        const shape *s = NULL;
        const char *name = NULL;
        json_t *in = NULL;
        json_t *value = NULL;
        walk next = level_next(l, operation, &s, &name, &in, f);
        if (next == WALK_BAD) return false;
        if (next == WALK_UP) {
            depth--;
            continue;
        }
        if (!is_inner(s)) {
            if (!leaf_read(s, name, in, &value, f)) return false;
            put(l, name, value);
            continue;
        }
        assert(depth < MODEL_DEPTH_MAX);
        value = s->kind == SHAPE_LIST ? json_array() : json_object();
        put(l, name, value);
        levels[depth] = (level){.s = s, .name = name, .in = in, .out = value};
        if (!level_open(&levels[depth++], operation, f)) return false;
    }
    return true;
}

bool model_check(const shape *s, const char *operation, json_t *call, json_t **ret, watch_fault *f)
{
    level levels[MODEL_DEPTH_MAX] = {{.s = s, .name = operation, .in = call, .out = json_object()}};
    json_t *out = levels[0].out;
    if (level_open(&levels[0], operation, f) && walk_all(levels, operation, f)) {
        *ret = out;
        return true;
    }
    json_decref(out);
    return false;
}
