/* For targets before 7.0, in the commands of redis 6.0 (6.2 knows all of them). Where what is
 * written depends on what is there, a script looks and writes in one go at this place of the
 * stream: the target holds what the source held there. */
#include "apply/recast_internal.h"
#include "engine/lua.h"

/* A script, its keys, and its arguments: `head`, then those of the command from `from` on. */
typedef struct {
    const char *text;
    size_t key_count;
    const span *keys;
    size_t head_count;
    const span *head;
    size_t from;
} script;

static bool script_write(recast_form *f, const script *s, err *e)
{
    size_t rest = f->count - size_min(s->from, f->count);
    bool fits = resp_begin(f->out, 3 + s->key_count + s->head_count + rest) &&
                resp_arg_text(f->out, "EVAL") && resp_arg_text(f->out, s->text) &&
                resp_arg_i64(f->out, (int64_t)s->key_count);
    for (size_t i = 0; i < s->key_count && fits; i++)
        fits = resp_arg(f->out, s->keys[i]);
    for (size_t i = 0; i < s->head_count && fits; i++)
        fits = resp_arg(f->out, s->head[i]);
    for (size_t i = f->count - rest; i < f->count && fits; i++)
        fits = resp_arg(f->out, f->args[i]);
    return recast_full(f, fits, e);
}

static bool as_it_is(recast_form *f, err *e)
{
    return recast_full(f, resp_spans(f->out, f->count, f->args), e);
}

/* --- keys ------------------------------------------------------------------------------------ */

static const char copy_script[] =
    LUA_EXPIRY_BEFORE_7 "local value, at = redis.call('DUMP', KEYS[1]), expiry(KEYS[1])\n"
                        "if not value then return end\n"
                        "if ARGV[1] then redis.call('SELECT', ARGV[1]) end\n"
                        "redis.call('RESTORE', KEYS[2], string.format('%.0f', math.max(at, 0)),\n"
                        "  value, 'REPLACE', 'ABSTTL')\n";

/* COPY key key [DB n] [REPLACE] */
bool recast_copy(recast_form *f, err *e)
{
    span db = {0};
    for (f->at = 3; f->at < f->count; f->at++) {
        if (recast_word_is(f, "REPLACE")) continue;
        if (!recast_word_is(f, "DB") || ++f->at >= f->count) return recast_malformed(f, e);
        db = f->args[f->at];
    }
    const script s = {.text = copy_script,
                      .key_count = 2,
                      .keys = f->args + 1,
                      .head_count = db.size ? 1 : 0,
                      .head = &db,
                      .from = f->count};
    return script_write(f, &s, e);
}

/* --- lists ----------------------------------------------------------------------------------- */

/* The push comes first: a list of one element, moved onto itself, would lose its expiry. */
static const char list_move_script[] = "local value = redis.call('LINDEX', KEYS[1], ARGV[1])\n"
                                       "if value then\n"
                                       "  redis.call(ARGV[2], KEYS[2], value)\n"
                                       "  redis.call(ARGV[3], KEYS[1])\n"
                                       "end\n";

/* LMOVE key key LEFT|RIGHT LEFT|RIGHT */
bool recast_list_move(recast_form *f, err *e)
{
    bool left[2] = {false, false};
    for (size_t i = 0; i < 2; i++) {
        f->at = 3 + i;
        left[i] = recast_word_is(f, "LEFT");
        if (!left[i] && !recast_word_is(f, "RIGHT")) return recast_malformed(f, e);
    }
    if (!left[0] && left[1]) {
        const span plain[] = {span_text("RPOPLPUSH"), f->args[1], f->args[2]};
        return recast_full(f, resp_spans(f->out, COUNT_OF(plain), plain), e);
    }
    const span head[] = {span_text(left[0] ? "0" : "-1"), span_text(left[1] ? "LPUSH" : "RPUSH"),
                         span_text(left[0] ? "LPOP" : "RPOP")};
    const script s = {.text = list_move_script,
                      .key_count = 2,
                      .keys = f->args + 1,
                      .head_count = COUNT_OF(head),
                      .head = head,
                      .from = f->count};
    return script_write(f, &s, e);
}

/* LPOP key [n], RPOP key [n]: all but the first, or the last, n stay. */
bool recast_list_pop(recast_form *f, err *e)
{
    int64_t n = 0;
    if (f->count == 2) return as_it_is(f, e);
    if (f->count != 3 || !span_to_i64(f->args[2], &n) || n < 0 || n == INT64_MAX)
        return recast_malformed(f, e);
    bool left = span_is_nocase(f->args[0], "LPOP");
    bool fits = resp_begin(f->out, 4) && resp_arg_text(f->out, "LTRIM") &&
                resp_arg(f->out, f->args[1]) && resp_arg_i64(f->out, left ? n : 0) &&
                resp_arg_i64(f->out, left ? -1 : -n - 1);
    return recast_full(f, fits, e);
}

/* --- sorted sets ----------------------------------------------------------------------------- */

static const char zadd_script[] =
    "for i = 3, #ARGV, 2 do\n"
    "  local old, take = redis.call('ZSCORE', KEYS[1], ARGV[i + 1]), ARGV[2] ~= 'XX'\n"
    "  if old and ARGV[1] == 'GT' then take = tonumber(ARGV[i]) > tonumber(old)\n"
    "  elseif old then take = tonumber(ARGV[i]) < tonumber(old) end\n"
    "  if take then redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end\n"
    "end\n";

/* ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member... What is sent of one member happened. */
bool recast_zadd(recast_form *f, err *e)
{
    span head[2] = {span_text(""), span_text("")};
    bool adds = false;
    for (f->at = 2; f->at < f->count; f->at++) {
        if (recast_word_is(f, "NX") || recast_word_is(f, "CH")) continue;
        if (recast_word_is(f, "GT")) {
            head[0] = span_text("GT");
        } else if (recast_word_is(f, "LT")) {
            head[0] = span_text("LT");
        } else if (recast_word_is(f, "XX")) {
            head[1] = span_text("XX");
        } else if (recast_word_is(f, "INCR")) {
            adds = true;
        } else {
            break;
        }
    }
    size_t rest = f->count - f->at;
    if (rest == 0 || rest % 2 != 0) return recast_malformed(f, e);
    if (head[0].size == 0) return as_it_is(f, e);
    if (rest > 2) {
        const script s = {.text = zadd_script,
                          .key_count = 1,
                          .keys = f->args + 1,
                          .head_count = COUNT_OF(head),
                          .head = head,
                          .from = f->at};
        return script_write(f, &s, e);
    }
    const span plain[] = {f->args[0], f->args[1], f->args[f->at], f->args[f->at + 1]};
    const span added[] = {f->args[0], f->args[1], span_text("INCR"), f->args[f->at],
                          f->args[f->at + 1]};
    bool fits = adds ? resp_spans(f->out, COUNT_OF(added), added)
                     : resp_spans(f->out, COUNT_OF(plain), plain);
    return recast_full(f, fits, e);
}

/* `made`: score, member, ... in the place of what the key held. */
#define LUA_STORE                                                                                  \
    "local made = {}\n"                                                                            \
    "local function store(key)\n"                                                                  \
    "  redis.call('DEL', key)\n"                                                                   \
    "  for i = 1, #made, 1000 do\n"                                                                \
    "    redis.call('ZADD', key, unpack(made, i, math.min(i + 999, #made)))\n"                     \
    "  end\n"                                                                                      \
    "end\n"

static const char zrange_store_script[] = LUA_STORE
    "local found = redis.call(ARGV[1], KEYS[2], unpack(ARGV, 3))\n"
    "local scored = ARGV[2] == 'scores'\n"
    "for i = 1, #found, scored and 2 or 1 do\n"
    "  made[#made + 1] = scored and found[i + 1] or redis.call('ZSCORE', KEYS[2], found[i])\n"
    "  made[#made + 1] = found[i]\n"
    "end\n"
    "store(KEYS[1])\n";

/* ZRANGESTORE key key min max [BYSCORE|BYLEX] [REV] [LIMIT offset n] */
bool recast_zrange_store(recast_form *f, err *e)
{
    static const char *const verbs[][2] = {{"ZRANGE", "ZREVRANGE"},
                                           {"ZRANGEBYSCORE", "ZREVRANGEBYSCORE"},
                                           {"ZRANGEBYLEX", "ZREVRANGEBYLEX"}};
    size_t by = 0;
    bool back = false;
    size_t limit = 0;
    for (f->at = 5; f->at < f->count; f->at++) {
        if (recast_word_is(f, "BYSCORE")) {
            by = 1;
        } else if (recast_word_is(f, "BYLEX")) {
            by = 2;
        } else if (recast_word_is(f, "REV")) {
            back = true;
        } else if (recast_word_is(f, "LIMIT") && f->count - f->at > 2) {
            limit = f->at;
            f->at += 2;
        } else {
            return recast_malformed(f, e);
        }
    }
    span head[8] = {span_text(verbs[by][back]), span_text(by == 2 ? "members" : "scores"),
                    f->args[3], f->args[4]};
    size_t count = 4;
    if (by != 2) head[count++] = span_text("WITHSCORES");
    for (size_t i = 0; limit && i < 3; i++)
        head[count++] = f->args[limit + i];
    const script s = {.text = zrange_store_script,
                      .key_count = 2,
                      .keys = f->args + 1,
                      .head_count = count,
                      .head = head,
                      .from = f->count};
    return script_write(f, &s, e);
}

static const char zdiff_store_script[] =
    LUA_STORE "local function read(key)\n"
              "  if redis.call('TYPE', key).ok ~= 'set' then\n"
              "    return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')\n"
              "  end\n"
              "  local out = {}\n"
              "  for i, member in ipairs(redis.call('SMEMBERS', key)) do\n"
              "    out[2 * i - 1], out[2 * i] = member, '1'\n"
              "  end\n"
              "  return out\n"
              "end\n"
              "local gone, first = {}, read(KEYS[2])\n"
              "for k = 3, #KEYS do\n"
              "  local other = read(KEYS[k])\n"
              "  for i = 1, #other, 2 do gone[other[i]] = true end\n"
              "end\n"
              "for i = 1, #first, 2 do\n"
              "  if not gone[first[i]] then\n"
              "    made[#made + 1] = first[i + 1]\n"
              "    made[#made + 1] = first[i]\n"
              "  end\n"
              "end\n"
              "store(KEYS[1])\n";

/* ZDIFFSTORE key n key... */
bool recast_zdiff_store(recast_form *f, err *e)
{
    uint64_t n = 0;
    if (!span_to_u64(f->args[2], &n) || n == 0 || n != f->count - 3) return recast_malformed(f, e);
    CLEANUP(buf_clear) buf keys = buf_of(f->count * sizeof(span));
    bool fits = buf_append(&keys, span_of(&f->args[1], sizeof(span))) &&
                buf_append(&keys, span_of(&f->args[3], (f->count - 3) * sizeof(span)));
    assert(fits);
    const script s = {.text = zdiff_store_script,
                      .key_count = f->count - 2,
                      .keys = (const span *)(const void *)keys.at,
                      .from = f->count};
    return script_write(f, &s, e);
}

/* --- places ---------------------------------------------------------------------------------- */

#define ANY "ANY takes what the engine finds first"
#define DISTANCES "distances come out with other last digits there"

/* Redis 6.0 leaves what was there when the places are gone. */
static bool stored_delete(recast_form *f, span key, span places, err *e)
{
    const span args[] = {span_text("DEL"), key};
    return span_equal(key, places) || recast_full(f, resp_spans(f->out, COUNT_OF(args), args), e);
}

/* GEORADIUS key longitude latitude radius unit ..., GEORADIUSBYMEMBER key member radius unit ...,
 * with [COUNT n [ANY]] and STORE or STOREDIST key. */
bool recast_geo_radius(recast_form *f, err *e)
{
    span to = {0};
    const char *aside = NULL;
    if (f->t->same_version) return as_it_is(f, e);
    for (f->at = span_is_nocase(f->args[0], "GEORADIUS") ? 6 : 5; f->at < f->count; f->at++) {
        bool stores = recast_word_is(f, "STORE") || recast_word_is(f, "STOREDIST");
        if (recast_word_is(f, "STOREDIST")) aside = DISTANCES;
        if (recast_word_is(f, "ANY")) aside = ANY;
        if (!stores && !recast_word_is(f, "COUNT")) continue;
        if (++f->at >= f->count) return recast_malformed(f, e);
        if (stores) to = f->args[f->at];
    }
    if (!to.size) return recast_malformed(f, e);
    if (aside) return recast_aside(f, to, aside);
    return stored_delete(f, to, f->args[1], e) && as_it_is(f, e);
}

/* What a GEOSEARCHSTORE says. */
typedef struct {
    span member;    /* empty: the place */
    span place[2];  /* longitude, latitude */
    span radius[2]; /* with its unit */
    span count;     /* empty: all */
    const char *order;
    const char *aside; /* what redis 6.0 cannot say */
} geo_search;

/* How many arguments the word at the present place has behind it, which are read; -1: unknown. */
static int geo_word(recast_form *f, geo_search *g)
{
    const span *behind = f->args + f->at + 1;
    size_t left = f->count - f->at - 1;
    if (recast_word_is(f, "FROMMEMBER") && left >= 1) {
        g->member = behind[0];
        return 1;
    }
    if (recast_word_is(f, "FROMLONLAT") && left >= 2) {
        g->place[0] = behind[0];
        g->place[1] = behind[1];
        return 2;
    }
    if (recast_word_is(f, "BYRADIUS") && left >= 2) {
        g->radius[0] = behind[0];
        g->radius[1] = behind[1];
        return 2;
    }
    if (recast_word_is(f, "COUNT") && left >= 1) {
        g->count = behind[0];
        return 1;
    }
    if (recast_word_is(f, "ANY")) {
        g->aside = ANY;
    } else if (recast_word_is(f, "STOREDIST")) {
        g->aside = DISTANCES;
    } else if (recast_word_is(f, "ASC")) {
        g->order = "ASC";
    } else if (recast_word_is(f, "DESC")) {
        g->order = "DESC";
    } else {
        return -1;
    }
    return 0;
}

/* GEOSEARCHSTORE key places FROMMEMBER m | FROMLONLAT x y, BYRADIUS r unit (others: a shape that
 * is not known there), [ASC|DESC] [COUNT n [ANY]] [STOREDIST]. */
bool recast_geo_search_store(recast_form *f, err *e)
{
    geo_search g = {0};
    if (f->t->same_version) return as_it_is(f, e); /* 6.2 knows it */
    for (f->at = 3; f->at < f->count; f->at++) {
        bool shape = recast_word_is(f, "BYBOX") || recast_word_is(f, "BYPOLYGON");
        if (shape) return recast_aside(f, f->args[1], "only circles are known there");
        int behind = geo_word(f, &g);
        if (behind < 0) return recast_malformed(f, e);
        f->at += (size_t)behind;
    }
    if (!g.radius[1].size || (!g.member.size && !g.place[1].size)) return recast_malformed(f, e);
    if (g.aside) return recast_aside(f, f->args[1], g.aside);
    span args[12] = {span_text(g.member.size ? "GEORADIUSBYMEMBER" : "GEORADIUS"), f->args[2]};
    size_t count = 2;
    if (g.member.size) {
        args[count++] = g.member;
    } else {
        args[count++] = g.place[0];
        args[count++] = g.place[1];
    }
    args[count++] = g.radius[0];
    args[count++] = g.radius[1];
    if (g.count.size) {
        args[count++] = span_text("COUNT");
        args[count++] = g.count;
    }
    if (g.order) args[count++] = span_text(g.order);
    args[count++] = span_text("STORE");
    args[count++] = f->args[1];
    return stored_delete(f, f->args[1], f->args[2], e) &&
           recast_full(f, resp_spans(f->out, count, args), e);
}

/* --- streams --------------------------------------------------------------------------------- */

static const char trim_script[] =
    "local ids\n"
    "repeat\n"
    "  ids = {}\n"
    "  for i, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', ARGV[1], 'COUNT', 500)) do\n"
    "    ids[i] = entry[1]\n"
    "  end\n"
    "  if #ids > 0 then redis.call('XDEL', KEYS[1], unpack(ids)) end\n"
    "until #ids < 500\n";

/* The id before "5-3", or before "5", which is 5-0. False: it is none. */
static bool id_before(span id, uint64_t *ret_ms, uint64_t *ret_seq)
{
    span part;
    uint64_t seq = 0;
    if (!span_cut(&id, '-', &part) || !span_to_u64(part, ret_ms)) return false;
    if (id.size > 0 && !span_to_u64(id, &seq)) return false;
    *ret_seq = seq - 1; /* of 0: the highest there is */
    if (seq == 0) --*ret_ms;
    return true;
}

bool recast_trim_below(recast_form *f, span id, err *e)
{
    uint64_t ms = 0;
    uint64_t seq = 0;
    char last[48];
    if (!id_before(id, &ms, &seq)) return recast_malformed(f, e);
    if (ms == UINT64_MAX && seq == UINT64_MAX) return true; /* nothing is before 0-0 */
    (void)snprintf(last, sizeof last, "%" PRIu64 "-%" PRIu64, ms, seq);
    const span head = span_text(last);
    const script s = {.text = trim_script,
                      .key_count = 1,
                      .keys = f->args + 1,
                      .head_count = 1,
                      .head = &head,
                      .from = f->count};
    return script_write(f, &s, e);
}

static const char claim_script[] = "redis.replicate_commands()\n"
                                   "redis.call('XCLAIM', KEYS[1], unpack(ARGV))\n"
                                   "if #redis.call('XRANGE', KEYS[1], ARGV[4], ARGV[4]) == 0 then\n"
                                   "  redis.call('XACK', KEYS[1], ARGV[1], ARGV[4])\n"
                                   "end\n";

/* XCLAIM key group consumer 0 id TIME ms ...: one id, as engines send it. From 7.0 on it takes an
 * entry that was deleted off the list of those pending, which 6.0 keeps. */
bool recast_xclaim(recast_form *f, err *e)
{
    if (rdb_is_before_7(f->t->source_rdb_version)) return as_it_is(f, e);
    const script s = {.text = claim_script, .key_count = 1, .keys = f->args + 1, .from = 2};
    return script_write(f, &s, e);
}

/* XGROUP CREATE key group id [MKSTREAM] [ENTRIESREAD n] and the others, without what 6.0 does not
 * count; XGROUP CREATECONSUMER as a read of what is pending that finds nothing. */
bool recast_xgroup(recast_form *f, err *e)
{
    f->at = 1;
    if (recast_word_is(f, "CREATECONSUMER")) {
        if (f->count != 5) return recast_malformed(f, e);
        return recast_full(f, recast_consumer_write(f->out, f->args[2], f->args[3], f->args[4]), e);
    }
    size_t count = f->count;
    for (f->at = 5; f->at + 1 < f->count; f->at++)
        if (f->at + 2 == f->count && recast_word_is(f, "ENTRIESREAD")) count = f->at;
    return recast_full(f, resp_spans(f->out, count, f->args), e);
}

bool recast_consumer_write(buf *out, span key, span group, span name)
{
    const span args[] = {span_text("XREADGROUP"),
                         span_text("GROUP"),
                         group,
                         name,
                         span_text("STREAMS"),
                         key,
                         span_text("18446744073709551615-0")};
    return resp_spans(out, COUNT_OF(args), args);
}

/* XSETID key id [ENTRIESADDED n] [MAXDELETEDID id] */
bool recast_xsetid(recast_form *f, err *e)
{
    return recast_full(f, resp_spans(f->out, 3, f->args), e);
}
