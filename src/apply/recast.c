#include "apply/recast.h"

#include "apply/hold.h"
#include "resp/command.h"

#define FIELD_EXPIRY "the target does not know expiries of hash fields"

/* A command while it is read. */
typedef struct {
    size_t count;
    const span *args;
    size_t at; /* the next argument */
    const rewrite_times *t;
    buf *out;
    recast_result *result;
} form;

static bool malformed(const form *f, err *e)
{
    return err_set(e, ERR_FORMAT, "the stream holds '%s' with %zu arguments in an unknown form",
                   span_show(f->args[0]).text, f->count);
}

static bool word_is(const form *f, const char *word)
{
    return f->at < f->count && span_is_nocase(f->args[f->at], word);
}

/* "FIELDS 2" (also "IDS 2"), with `each` arguments for every one of them up to the end. */
static bool list_begin(form *f, const char *word, size_t each)
{
    uint64_t number = 0;
    if (!word_is(f, word) || f->at + 2 > f->count || !span_to_u64(f->args[f->at + 1], &number))
        return false;
    f->at += 2;
    return number > 0 && number <= f->count && number * each == f->count - f->at;
}

/* The command `verb key`, with all arguments from the present one on. */
static bool rest_write(const form *f, const char *verb)
{
    bool fits = resp_begin(f->out, 2 + f->count - f->at) && resp_arg_text(f->out, verb) &&
                resp_arg(f->out, f->args[1]);
    for (size_t i = f->at; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return fits;
}

static bool full(const form *f, bool fits, err *e)
{
    if (fits) return true;
    return err_set(e, ERR_LIMIT, "no room for '%s' with %zu arguments", span_show(f->args[0]).text,
                   f->count);
}

static bool aside(form *f, const char *why)
{
    f->result->aside = why;
    return true;
}

/* HGETDEL key FIELDS n field... */
static bool hgetdel(form *f, err *e)
{
    f->at = 2;
    if (!list_begin(f, "FIELDS", 1)) return malformed(f, e);
    return full(f, rest_write(f, "HDEL"), e);
}

/* A time as it is written: absolute, and held when it is near. */
static bool time_hold(form *f, int64_t at_ms, int64_t *ret, err *e)
{
    if (hold_is_held(at_ms)) {
        return err_set(e, ERR_LIMIT, "an expiry of %" PRId64 " ms since 1970 (after the year 3084)",
                       at_ms);
    }
    *ret = hold_expiry(at_ms, f->t->hold_until_ms);
    f->result->held = *ret != at_ms;
    return true;
}

/* HPEXPIREAT key ms [NX|XX|GT|LT] FIELDS n field..., and its like. NX and XX ask whether a field
 * has an expiry, which is the same here; GT and LT would compare with a held one. */
static bool hexpire(form *f, unsigned unit_ms, bool relative, err *e)
{
    int64_t at_ms = 0;
    char number[24];
    if (!f->t->fields_expire) return aside(f, FIELD_EXPIRY);
    if (f->count < 6 || !rewrite_time(f->args[2], unit_ms, relative, f->t, &at_ms))
        return malformed(f, e);
    f->at = 3;
    if (word_is(f, "GT") || word_is(f, "LT"))
        return aside(f, "GT and LT decide field by field, and would compare with a held expiry");
    if (word_is(f, "NX") || word_is(f, "XX")) f->at++;
    if (!list_begin(f, "FIELDS", 1)) return malformed(f, e);
    if (!time_hold(f, at_ms, &at_ms, e)) return false;
    (void)snprintf(number, sizeof number, "%" PRId64, at_ms);
    bool fits = resp_begin(f->out, f->count) && resp_arg_text(f->out, "HPEXPIREAT") &&
                resp_arg(f->out, f->args[1]) && resp_arg_text(f->out, number);
    for (size_t i = 3; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return full(f, fits, e);
}

static bool hexpire_s(form *f, err *e)
{
    return hexpire(f, 1000, true, e);
}

static bool hexpireat_s(form *f, err *e)
{
    return hexpire(f, 1000, false, e);
}

static bool hexpire_ms(form *f, err *e)
{
    return hexpire(f, 1, true, e);
}

static bool hexpireat_ms(form *f, err *e)
{
    return hexpire(f, 1, false, e);
}

/* HPERSIST key FIELDS n field... */
static bool hpersist(form *f, err *e)
{
    if (!f->t->fields_expire) return aside(f, FIELD_EXPIRY);
    f->at = 2;
    return full(f, rest_write(f, "HPERSIST"), e);
}

/* One row: an option that gives a time, of HSETEX and MSETEX. */
static const struct {
    const char *name;
    unsigned unit_ms;
    bool relative;
} times[] = {{"EX", 1000, true}, {"PX", 1, true}, {"EXAT", 1000, false}, {"PXAT", 1, false}};

/* The time of the option at the present place; the place moves to its last argument. */
static bool time_read(form *f, int64_t *ret, err *e)
{
    size_t i = 0;
    while (i < COUNT_OF(times) && !word_is(f, times[i].name))
        i++;
    if (i == COUNT_OF(times) || ++f->at >= f->count ||
        !rewrite_time(f->args[f->at], times[i].unit_ms, times[i].relative, f->t, ret))
        return malformed(f, e);
    return time_hold(f, *ret, ret, e);
}

/* HSETEX key [FNX|FXX] [KEEPTTL | PXAT ms and others] FIELDS n field value... Where no field
 * expires KEEPTTL keeps nothing. */
static bool hsetex(form *f, err *e)
{
    int64_t at_ms = -1;
    bool keeps = false;
    for (f->at = 2; f->at < f->count && !word_is(f, "FIELDS"); f->at++) {
        if (word_is(f, "FNX") || word_is(f, "FXX")) continue; /* it happened */
        keeps = keeps || word_is(f, "KEEPTTL");
        if (word_is(f, "KEEPTTL")) continue;
        if (!f->t->fields_expire) return aside(f, FIELD_EXPIRY);
        if (!time_read(f, &at_ms, e)) return false;
    }
    size_t list = f->at;
    if (!list_begin(f, "FIELDS", 2)) return malformed(f, e);
    if (at_ms < 0 && !(keeps && f->t->fields_expire)) return full(f, rest_write(f, "HSET"), e);
    bool fits = resp_begin(f->out, 2 + (at_ms < 0 ? 1U : 2U) + f->count - list) &&
                resp_arg_text(f->out, "HSETEX") && resp_arg(f->out, f->args[1]) &&
                resp_arg_text(f->out, at_ms < 0 ? "KEEPTTL" : "PXAT") &&
                (at_ms < 0 || resp_arg_i64(f->out, at_ms));
    for (size_t i = list; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return full(f, fits, e);
}

/* The expiry of an MSETEX, behind its pairs. */
typedef struct {
    bool keeps;
    int64_t at_ms; /* as it is written; -1: none */
} pairs_expiry;

static bool pairs_expiry_read(form *f, pairs_expiry *ret, err *e)
{
    *ret = (pairs_expiry){.at_ms = -1};
    for (; f->at < f->count; f->at++) {
        if (word_is(f, "NX") || word_is(f, "XX")) continue; /* it happened */
        ret->keeps = ret->keeps || word_is(f, "KEEPTTL");
        if (word_is(f, "KEEPTTL")) continue;
        if (!time_read(f, &ret->at_ms, e)) return false;
    }
    return true;
}

/* MSETEX n key value... [NX|XX] [KEEPTTL | PXAT ms and others] */
static bool msetex(form *f, err *e)
{
    uint64_t pairs = 0;
    pairs_expiry x;
    if (f->count < 4 || !span_to_u64(f->args[1], &pairs) || pairs == 0 || pairs > f->count ||
        2 * pairs > f->count - 2)
        return malformed(f, e);
    f->at = 2 + 2 * pairs;
    if (!pairs_expiry_read(f, &x, e)) return false;
    bool fits = true;
    for (size_t i = 0; i < pairs && fits; i++) {
        size_t more = x.at_ms >= 0 ? 2 : x.keeps ? 1 : 0;
        fits = resp_begin(f->out, 3 + more) && resp_arg_text(f->out, "SET") &&
               resp_arg(f->out, f->args[2 + 2 * i]) && resp_arg(f->out, f->args[3 + 2 * i]);
        if (x.at_ms >= 0) {
            fits = fits && resp_arg_text(f->out, "PXAT") && resp_arg_i64(f->out, x.at_ms);
        } else if (x.keeps) {
            fits = fits && resp_arg_text(f->out, "KEEPTTL");
        }
    }
    return full(f, fits, e);
}

/* XDELEX key [KEEPREF|DELREF|ACKED] IDS n id... */
static bool xdelex(form *f, err *e)
{
    f->at = 2;
    if (word_is(f, "KEEPREF")) f->at++;
    if (!word_is(f, "IDS")) return aside(f, "XDELEX with DELREF or ACKED is not known there");
    if (!list_begin(f, "IDS", 1)) return malformed(f, e);
    return full(f, rest_write(f, "XDEL"), e);
}

/* One row: an option of XADD in front of the id. */
static const struct {
    const char *name;
    unsigned behind; /* arguments of it */
    bool keep;       /* every engine has it */
    bool aside;      /* nothing says it on another one */
} xadd_options[] = {
    {"NOMKSTREAM", 0, true, false}, {"MAXLEN", 1, true, false},    {"MINID", 1, true, false},
    {"LIMIT", 1, true, false},      {"KEEPREF", 0, false, false},  {"DELREF", 0, false, true},
    {"ACKED", 0, false, true},      {"IDMPAUTO", 1, false, false}, {"IDMP", 2, false, false},
};

/* How many arguments the option at the present place has with its name; 0: it is none. */
static size_t xadd_option(const form *f, size_t *ret_row)
{
    for (size_t i = 0; i < COUNT_OF(xadd_options); i++) {
        if (!word_is(f, xadd_options[i].name)) continue;
        *ret_row = i;
        bool sign = f->at + 1 < f->count && xadd_options[i].behind == 1 &&
                    (span_is(f->args[f->at + 1], "=") || span_is(f->args[f->at + 1], "~"));
        return 1 + xadd_options[i].behind + sign;
    }
    return 0;
}

/* XADD key [options] id field value... The id is always a number in the stream. */
static bool xadd(form *f, err *e)
{
    span kept[16];
    size_t count = 0;
    size_t row = 0;
    f->at = 2;
    for (size_t size = 0; (size = xadd_option(f, &row)) > 0; f->at += size) {
        if (xadd_options[row].aside)
            return aside(f, "XADD with DELREF or ACKED is not known there");
        if (f->at + size >= f->count || count + size > COUNT_OF(kept)) return malformed(f, e);
        for (size_t i = 0; i < size && xadd_options[row].keep; i++)
            kept[count++] = f->args[f->at + i];
    }
    bool fits = resp_begin(f->out, 2 + count + f->count - f->at) && resp_arg_text(f->out, "XADD") &&
                resp_arg(f->out, f->args[1]);
    for (size_t i = 0; i < count && fits; i++)
        fits = resp_arg(f->out, kept[i]);
    for (size_t i = f->at; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return full(f, fits, e);
}

bool recast_is_due(size_t count, const span *args)
{
    bool plain = count > 2 && args[2].size > 0 && args[2].at[0] >= '0' && args[2].at[0] <= '9';
    return !(span_is_nocase(args[0], "XADD") && plain);
}

static const struct {
    const char *name;
    bool (*write)(form *f, err *e);
} forms[] = {
    {"HEXPIRE", hexpire_s}, {"HEXPIREAT", hexpireat_s}, {"HGETDEL", hgetdel},
    {"HPERSIST", hpersist}, {"HPEXPIRE", hexpire_ms},   {"HPEXPIREAT", hexpireat_ms},
    {"HSETEX", hsetex},     {"MSETEX", msetex},         {"XADD", xadd},
    {"XDELEX", xdelex},
};

bool recast(
    size_t count, const span *args, const rewrite_times *t, buf *out, recast_result *ret, err *e)
{
    form f = {.count = count, .args = args, .t = t, .out = out, .result = ret};
    *ret = (recast_result){0};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if (!span_is_nocase(args[0], forms[i].name)) continue;
        return count >= 3 ? forms[i].write(&f, e) : malformed(&f, e);
    }
    return err_set(e, ERR_STATE, "'%s' is not recast", span_show(args[0]).text);
}
