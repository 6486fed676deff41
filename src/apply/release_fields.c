#include "apply/release_fields.h"

#include "apply/hold.h"

#define KEYS_MAX ((size_t)100)     /* of one script: their fields are looked at in one go */
#define FIELDS_IN_SCRIPT_MAX "500" /* of one hash; larger ones are walked from here */
#define WALK_COUNT "500"
#define FIELDS_MAX ((size_t)1000) /* of one script: a packed hash answers all at once */

/* ARGV: 2^45, mode, limit, how many fields a hash may have; behind them perhaps fields: only those,
 * of one key. Answers for each key how many fields changed and how many stay held; -1: too many
 * fields. */
static const char script[] =
    "local shift, mode, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])\n"
    "local out = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local did, held, names = 0, 0, {}\n"
    "  if #ARGV > 4 then\n"
    "    names = {unpack(ARGV, 5)}\n"
    "  elseif redis.call('TYPE', key).ok == 'hash' then\n"
    "    if redis.call('HLEN', key) > tonumber(ARGV[4]) then did = -1\n"
    "    else names = redis.call('HKEYS', key) end\n"
    "  end\n"
    "  local times = #names > 0 and redis.call('HPEXPIRETIME', key, 'FIELDS', #names,\n"
    "    unpack(names)) or {}\n"
    "  for j, at in ipairs(times) do\n"
    "    local to\n"
    "    if at >= shift then\n"
    "      if mode == 'release' and at - shift > limit then to = at - shift\n"
    "      else held = held + 1 end\n"
    "    elseif mode == 'hold' and at > 0 and at <= limit then to = at + shift end\n"
    "    if to then\n"
    "      redis.call('HPEXPIREAT', key, string.format('%.0f', to), 'FIELDS', 1, names[j])\n"
    "      did = did + 1\n"
    "    end\n"
    "  end\n"
    "  out[2 * i - 1], out[2 * i] = did, held\n"
    "end\n"
    "return out\n";

/* EVAL script n key... shift mode limit most field... */
static bool script_ask(engine *target,
                       const fields_pass *p,
                       size_t count,
                       const span *keys,
                       size_t field_count,
                       const reply *fields,
                       arena *memory,
                       const reply **ret,
                       err *e)
{
    size_t n = 0;
    span *args = arena_alloc(memory, (count + field_count + 7) * sizeof *args);
    args[n++] = span_text("EVAL");
    args[n++] = span_text(script);
    args[n++] = span_text(arena_printf(memory, "%zu", count));
    for (size_t i = 0; i < count; i++)
        args[n++] = keys[i];
    args[n++] = span_text(arena_printf(memory, "%" PRId64, HOLD_SHIFT_MS));
    args[n++] = span_text(p->mode);
    args[n++] = span_text(arena_printf(memory, "%" PRId64, p->limit_ms));
    args[n++] = span_text(FIELDS_IN_SCRIPT_MAX);
    for (size_t i = 0; i < field_count; i++)
        args[n++] = fields[i].text;
    if (!engine_ask_spans(target, memory, ret, e, n, args))
        return err_wrap(e, "releasing held expiries of hash fields");
    if ((*ret)->kind == REPLY_ARRAY && (*ret)->count == 2 * count) return true;
    return err_set(e, ERR_FORMAT, "the script for held fields answered in an unknown form");
}

static void counts_add(fields_pass *p, size_t key, const reply *did, const reply *held)
{
    p->released += (uint64_t)did->integer;
    p->held += (uint64_t)held->integer;
    if (held->integer > 0) p->ret_key_holds[key] = true;
}

/* A large hash, some fields at a time: none of its commands blocks for long. A field that is there
 * during the whole walk is seen. */
static bool large_walk(engine *target, fields_pass *p, size_t key, span name, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    char position[24] = "0";
    const reply *r = NULL;
    const reply *counts = NULL;
    do {
        arena_clear(&memory);
        const span args[] = {span_text("HSCAN"),    name,
                             span_text(position),   span_text("COUNT"),
                             span_text(WALK_COUNT), span_text("NOVALUES")};
        if (!engine_ask_spans(target, &memory, &r, e, COUNT_OF(args), args)) return false;
        if (r->count != 2 || r->items[0].text.size >= sizeof position)
            return err_set(e, ERR_FORMAT, "HSCAN answered in an unknown form");
        memcpy(position, r->items[0].text.at, r->items[0].text.size);
        position[r->items[0].text.size] = '\0';
        const reply *fields = &r->items[1];
        for (size_t at = 0; at < fields->count; at += FIELDS_MAX) {
            size_t n = size_min(FIELDS_MAX, fields->count - at);
            if (!script_ask(target, p, 1, &name, n, fields->items + at, &memory, &counts, e))
                return false;
            counts_add(p, key, &counts->items[0], &counts->items[1]);
        }
    } while (strcmp(position, "0") != 0);
    return true;
}

bool release_fields(engine *target, fields_pass *p, size_t count, const span *keys, err *e)
{
    memset(p->ret_key_holds, 0, count * sizeof *p->ret_key_holds);
    for (size_t at = 0; at < count; at += KEYS_MAX) {
        CLEANUP(arena_clear) arena memory = {0};
        const reply *r = NULL;
        size_t n = size_min(KEYS_MAX, count - at);
        if (!script_ask(target, p, n, keys + at, 0, NULL, &memory, &r, e)) return false;
        for (size_t i = 0; i < n; i++) {
            const reply *did = &r->items[2 * i];
            if (did->integer >= 0) {
                counts_add(p, at + i, did, &r->items[2 * i + 1]);
            } else if (!large_walk(target, p, at + i, keys[at + i], e)) {
                return false;
            }
        }
    }
    return true;
}
