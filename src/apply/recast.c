#include "apply/recast.h"

#include "apply/hold.h"
#include "apply/recast_internal.h"

#define FIELD_EXPIRY "the target does not know expiries of hash fields"

bool recast_malformed(const recast_form *f, err *e)
{
    return err_set(e, ERR_FORMAT, "the stream holds '%s' with %zu arguments in an unknown form",
                   span_show(f->args[0]).text, f->count);
}

bool recast_word_is(const recast_form *f, const char *word)
{
    return f->at < f->count && span_is_nocase(f->args[f->at], word);
}

/* "FIELDS 2" (also "IDS 2"), with `each` arguments for every one of them up to the end. */
static bool list_begin(recast_form *f, const char *word, size_t each)
{
    uint64_t number = 0;
    if (!recast_word_is(f, word) || f->at + 2 > f->count ||
        !span_to_u64(f->args[f->at + 1], &number))
        return false;
    f->at += 2;
    return number > 0 && number <= f->count && number * each == f->count - f->at;
}

/* The command `verb key`, with all arguments from the present one on. */
static bool rest_write(const recast_form *f, const char *verb)
{
    bool fits = resp_begin(f->out, 2 + f->count - f->at) && resp_arg_text(f->out, verb) &&
                resp_arg(f->out, f->args[1]);
    for (size_t i = f->at; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return fits;
}

bool recast_full(const recast_form *f, bool fits, err *e)
{
    if (fits) return true;
    return err_set(e, ERR_LIMIT, "no room for '%s' with %zu arguments", span_show(f->args[0]).text,
                   f->count);
}

bool recast_aside(recast_form *f, span key, const char *why)
{
    f->result->aside = why;
    f->result->key = key;
    return true;
}

static bool aside(recast_form *f, const char *why)
{
    return recast_aside(f, f->args[1], why);
}

/* HGETDEL key FIELDS n field... */
static bool hgetdel(recast_form *f, err *e)
{
    f->at = 2;
    if (!list_begin(f, "FIELDS", 1)) return recast_malformed(f, e);
    return recast_full(f, rest_write(f, "HDEL"), e);
}

/* A time as it is written: absolute, and held when it is near. */
static bool time_hold(recast_form *f, int64_t at_ms, int64_t *ret, err *e)
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
static bool hexpire(recast_form *f, unsigned unit_ms, bool relative, err *e)
{
    int64_t at_ms = 0;
    char number[24];
    if (!f->t->fields_expire) return aside(f, FIELD_EXPIRY);
    if (f->count < 6 || !rewrite_time(f->args[2], unit_ms, relative, f->t, &at_ms))
        return recast_malformed(f, e);
    f->at = 3;
    if (recast_word_is(f, "GT") || recast_word_is(f, "LT"))
        return aside(f, "GT and LT decide field by field, and would compare with a held expiry");
    if (recast_word_is(f, "NX") || recast_word_is(f, "XX")) f->at++;
    if (!list_begin(f, "FIELDS", 1)) return recast_malformed(f, e);
    if (!time_hold(f, at_ms, &at_ms, e)) return false;
    (void)snprintf(number, sizeof number, "%" PRId64, at_ms);
    bool fits = resp_begin(f->out, f->count) && resp_arg_text(f->out, "HPEXPIREAT") &&
                resp_arg(f->out, f->args[1]) && resp_arg_text(f->out, number);
    for (size_t i = 3; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return recast_full(f, fits, e);
}

static bool hexpire_s(recast_form *f, err *e)
{
    return hexpire(f, 1000, true, e);
}

static bool hexpireat_s(recast_form *f, err *e)
{
    return hexpire(f, 1000, false, e);
}

static bool hexpire_ms(recast_form *f, err *e)
{
    return hexpire(f, 1, true, e);
}

static bool hexpireat_ms(recast_form *f, err *e)
{
    return hexpire(f, 1, false, e);
}

/* HPERSIST key FIELDS n field... */
static bool hpersist(recast_form *f, err *e)
{
    if (!f->t->fields_expire) return aside(f, FIELD_EXPIRY);
    f->at = 2;
    return recast_full(f, rest_write(f, "HPERSIST"), e);
}

/* One row: an option that gives a time, of HSETEX and MSETEX. */
static const struct {
    const char *name;
    unsigned unit_ms;
    bool relative;
} times[] = {{"EX", 1000, true}, {"PX", 1, true}, {"EXAT", 1000, false}, {"PXAT", 1, false}};

/* The time of the option at the present place; the place moves to its last argument. */
static bool time_read(recast_form *f, int64_t *ret, err *e)
{
    size_t i = 0;
    while (i < COUNT_OF(times) && !recast_word_is(f, times[i].name))
        i++;
    if (i == COUNT_OF(times) || ++f->at >= f->count ||
        !rewrite_time(f->args[f->at], times[i].unit_ms, times[i].relative, f->t, ret))
        return recast_malformed(f, e);
    return time_hold(f, *ret, ret, e);
}

/* HSETEX key [FNX|FXX] [KEEPTTL | PXAT ms and others] FIELDS n field value... Where no field
 * expires KEEPTTL keeps nothing. */
static bool hsetex(recast_form *f, err *e)
{
    int64_t at_ms = -1;
    bool keeps = false;
    for (f->at = 2; f->at < f->count && !recast_word_is(f, "FIELDS"); f->at++) {
        if (recast_word_is(f, "FNX") || recast_word_is(f, "FXX")) continue; /* it happened */
        keeps = keeps || recast_word_is(f, "KEEPTTL");
        if (recast_word_is(f, "KEEPTTL")) continue;
        if (!f->t->fields_expire) return aside(f, FIELD_EXPIRY);
        if (!time_read(f, &at_ms, e)) return false;
    }
    size_t list = f->at;
    if (!list_begin(f, "FIELDS", 2)) return recast_malformed(f, e);
    if (at_ms < 0 && !(keeps && f->t->fields_expire))
        return recast_full(f, rest_write(f, "HSET"), e);
    bool fits = resp_begin(f->out, 2 + (at_ms < 0 ? 1U : 2U) + f->count - list) &&
                resp_arg_text(f->out, "HSETEX") && resp_arg(f->out, f->args[1]) &&
                resp_arg_text(f->out, at_ms < 0 ? "KEEPTTL" : "PXAT") &&
                (at_ms < 0 || resp_arg_i64(f->out, at_ms));
    for (size_t i = list; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return recast_full(f, fits, e);
}

/* The expiry of an MSETEX, behind its pairs. */
typedef struct {
    bool keeps;
    int64_t at_ms; /* as it is written; -1: none */
} pairs_expiry;

static bool pairs_expiry_read(recast_form *f, pairs_expiry *ret, err *e)
{
    *ret = (pairs_expiry){.at_ms = -1};
    for (; f->at < f->count; f->at++) {
        if (recast_word_is(f, "NX") || recast_word_is(f, "XX")) continue; /* it happened */
        ret->keeps = ret->keeps || recast_word_is(f, "KEEPTTL");
        if (recast_word_is(f, "KEEPTTL")) continue;
        if (!time_read(f, &ret->at_ms, e)) return false;
    }
    return true;
}

static bool pair_write(recast_form *f, span key, span value, const pairs_expiry *x)
{
    bool expires = x->at_ms >= 0;
    bool behind = expires && rdb_is_before_7(f->t->target_rdb_version);
    size_t more = behind ? 0 : expires ? 2 : x->keeps ? 1 : 0;
    bool fits = resp_begin(f->out, 3 + more) && resp_arg_text(f->out, "SET") &&
                resp_arg(f->out, key) && resp_arg(f->out, value);
    if (behind) {
        fits = fits && resp_begin(f->out, 3) && resp_arg_text(f->out, "PEXPIREAT") &&
               resp_arg(f->out, key);
    } else if (expires) {
        fits = fits && resp_arg_text(f->out, "PXAT");
    } else if (x->keeps) {
        fits = fits && resp_arg_text(f->out, "KEEPTTL");
    }
    return fits && (!expires || resp_arg_i64(f->out, x->at_ms));
}

/* MSETEX n key value... [NX|XX] [KEEPTTL | PXAT ms and others] */
static bool msetex(recast_form *f, err *e)
{
    uint64_t pairs = 0;
    pairs_expiry x;
    if (f->count < 4 || !span_to_u64(f->args[1], &pairs) || pairs == 0 || pairs > f->count ||
        2 * pairs > f->count - 2)
        return recast_malformed(f, e);
    f->at = 2 + 2 * pairs;
    if (!pairs_expiry_read(f, &x, e)) return false;
    bool fits = true;
    for (size_t i = 0; i < pairs && fits; i++)
        fits = pair_write(f, f->args[2 + 2 * i], f->args[3 + 2 * i], &x);
    return recast_full(f, fits, e);
}

/* XDELEX key [KEEPREF|DELREF|ACKED] IDS n id... */
static bool xdelex(recast_form *f, err *e)
{
    f->at = 2;
    if (recast_word_is(f, "KEEPREF")) f->at++;
    if (!recast_word_is(f, "IDS"))
        return aside(f, "XDELEX with DELREF or ACKED is not known there");
    if (!list_begin(f, "IDS", 1)) return recast_malformed(f, e);
    return recast_full(f, rest_write(f, "XDEL"), e);
}

#define TRIM_OPTIONS_MAX ((size_t)16)
#define REFERENCES "DELREF and ACKED are not known there"

/* One row: an option of XADD in front of the id, or of XTRIM. LIMIT was decided: an engine writes
 * the limit that came of it as '=', and takes LIMIT beside that from its primary only. */
static const struct {
    const char *name;
    unsigned behind; /* arguments of it */
    bool keep;       /* every engine has it */
    bool aside;      /* nothing says it on another one */
} trim_options[] = {
    {"NOMKSTREAM", 0, false, false}, {"MAXLEN", 1, true, false},    {"MINID", 1, true, false},
    {"LIMIT", 1, false, false},      {"KEEPREF", 0, false, false},  {"DELREF", 0, false, true},
    {"ACKED", 0, false, true},       {"IDMPAUTO", 1, false, false}, {"IDMP", 2, false, false},
};

/* What is kept of them. */
typedef struct {
    span kept[TRIM_OPTIONS_MAX];
    size_t count;
    span below; /* MINID's, where the target does not know that; else empty */
    bool aside;
} trim_words;

/* How many arguments the option at the present place has with its name; 0: it is none. */
static size_t trim_option(const recast_form *f, size_t *ret_row)
{
    for (size_t i = 0; i < COUNT_OF(trim_options); i++) {
        if (!recast_word_is(f, trim_options[i].name)) continue;
        *ret_row = i;
        bool sign = f->at + 1 < f->count && trim_options[i].behind == 1 &&
                    (span_is(f->args[f->at + 1], "=") || span_is(f->args[f->at + 1], "~"));
        return 1 + trim_options[i].behind + sign;
    }
    return 0;
}

/* The options from the present place on, which moves behind them. */
static bool trim_read(recast_form *f, trim_words *ret, err *e)
{
    size_t row = 0;
    *ret = (trim_words){0};
    for (size_t size = 0; (size = trim_option(f, &row)) > 0; f->at += size) {
        ret->aside = ret->aside || trim_options[row].aside;
        if (size > f->count - f->at || ret->count + size > COUNT_OF(ret->kept))
            return recast_malformed(f, e);
        bool below = span_is(span_text(trim_options[row].name), "MINID") &&
                     rdb_is_before_7(f->t->target_rdb_version);
        if (below) ret->below = f->args[f->at + size - 1];
        for (size_t i = 0; i < size && trim_options[row].keep && !below; i++)
            ret->kept[ret->count++] = f->args[f->at + i];
    }
    return true;
}

/* `verb key`, the options that are kept, and the arguments from the present one on. */
static bool trim_write(recast_form *f, const char *verb, const trim_words *w)
{
    bool fits = resp_begin(f->out, 2 + w->count + f->count - f->at) &&
                resp_arg_text(f->out, verb) && resp_arg(f->out, f->args[1]);
    for (size_t i = 0; i < w->count && fits; i++)
        fits = resp_arg(f->out, w->kept[i]);
    for (size_t i = f->at; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return fits;
}

/* XADD key [options] id field value... The id is always a number in the stream. */
static bool xadd(recast_form *f, err *e)
{
    trim_words w;
    f->at = 2;
    if (!trim_read(f, &w, e)) return false;
    if (w.aside) return aside(f, "XADD: " REFERENCES);
    if (f->at >= f->count) return recast_malformed(f, e);
    if (!recast_full(f, trim_write(f, "XADD", &w), e)) return false;
    return w.below.size == 0 || recast_trim_below(f, w.below, e);
}

/* XTRIM key MAXLEN|MINID [=] n [LIMIT n] [DELREF|ACKED]. */
static bool xtrim(recast_form *f, err *e)
{
    trim_words w;
    f->at = 2;
    if (!trim_read(f, &w, e)) return false;
    if (w.aside) return aside(f, "XTRIM: " REFERENCES);
    if (f->at != f->count || (w.count == 0 && w.below.size == 0)) return recast_malformed(f, e);
    if (w.below.size > 0) return recast_trim_below(f, w.below, e);
    return recast_full(f, trim_write(f, "XTRIM", &w), e);
}

/* BITOP operation dest key...: of redis 8.2 on there are more operations. */
static bool bitop(recast_form *f, err *e)
{
    static const char *const known[] = {"AND", "OR", "XOR", "NOT"};
    f->at = 1;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (recast_word_is(f, known[i]))
            return recast_full(f, resp_spans(f->out, f->count, f->args), e);
    }
    return recast_aside(f, f->args[2], "this operation of BITOP is not known there");
}

/* Whether an argument may be a number, and is no option. */
static bool is_number(span arg)
{
    static const char begin[] = "0123456789+-.";
    return arg.size > 0 && memchr(begin, arg.at[0], sizeof begin - 1) != NULL;
}

bool recast_is_due(size_t count, const span *args)
{
    static const char *const with_number[] = {"XADD", "ZADD"};
    static const char *const alone[] = {"LPOP", "RPOP"};
    for (size_t i = 0; i < COUNT_OF(with_number); i++)
        if (span_is_nocase(args[0], with_number[i])) return count < 3 || !is_number(args[2]);
    for (size_t i = 0; i < COUNT_OF(alone); i++)
        if (span_is_nocase(args[0], alone[i])) return count > 2;
    return true;
}

static const struct {
    const char *name;
    recast_write *write;
    size_t count_min; /* arguments, with the name */
} forms[] = {
    {"BITOP", bitop, 4},
    {"COPY", recast_copy, 3},
    {"GEORADIUS", recast_geo_radius, 6},
    {"GEORADIUSBYMEMBER", recast_geo_radius, 5},
    {"GEOSEARCHSTORE", recast_geo_search_store, 7},
    {"HEXPIRE", hexpire_s, 3},
    {"HEXPIREAT", hexpireat_s, 3},
    {"HGETDEL", hgetdel, 3},
    {"HPERSIST", hpersist, 3},
    {"HPEXPIRE", hexpire_ms, 3},
    {"HPEXPIREAT", hexpireat_ms, 3},
    {"HSETEX", hsetex, 3},
    {"LMOVE", recast_list_move, 5},
    {"LPOP", recast_list_pop, 2},
    {"MSETEX", msetex, 3},
    {"RPOP", recast_list_pop, 2},
    {"XADD", xadd, 3},
    {"XCLAIM", recast_xclaim, 6},
    {"XDELEX", xdelex, 3},
    {"XGROUP", recast_xgroup, 4},
    {"XSETID", recast_xsetid, 3},
    {"XTRIM", xtrim, 4},
    {"ZADD", recast_zadd, 4},
    {"ZDIFFSTORE", recast_zdiff_store, 4},
    {"ZRANGESTORE", recast_zrange_store, 5},
};

bool recast(
    size_t count, const span *args, const rewrite_times *t, buf *out, recast_result *ret, err *e)
{
    recast_form f = {.count = count, .args = args, .t = t, .out = out, .result = ret};
    *ret = (recast_result){0};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if (!span_is_nocase(args[0], forms[i].name)) continue;
        return count >= forms[i].count_min ? forms[i].write(&f, e) : recast_malformed(&f, e);
    }
    return err_set(e, ERR_STATE, "'%s' is not recast", span_show(args[0]).text);
}
