/* What a move relies on, tried on keys of our own. */
#include <inttypes.h>
#include <sys/random.h>

#include "engine/info.h"
#include "engine/lua.h"
#include "selftest/selftest_internal.h"

#define AREA "What a move relies on"
#define WORDS_MAX 10
#define ANSWER_MAX ((size_t)120)
/* 2^45 ms later than 2100-01-01: an expiry as the link holds it (protocol.md R16). */
#define LATER "4102444800000"
#define HELD "39286816888832"

#define HELD_READ LUA_EXPIRY_BEFORE_7 "return string.format('%.0f', expiry(KEYS[1]))\n"
/* What an answer must be. */
typedef enum {
    MUST_EQUAL, /* this status, text or number */
    MUST_ANSWER /* anything but an error */
} must;

/* In order: a later one may use what an earlier one made. "%k" is our key, "%o" another. */
static const struct {
    const char *id;
    const char *use;                               /* what it is needed for */
    enum { EVERY, SINCE_7_0, BEFORE_7_0 } engines; /* those that a move asks so */
    must must;
    const char *equal;
    const char *words[WORDS_MAX];
} rows[] = {
    {"time", "skew of the clocks", EVERY, MUST_ANSWER, "", {"TIME"}},
    {"set", "strings", EVERY, MUST_EQUAL, "OK", {"SET", "%k", "v"}},
    {"set-pxat",
     "strings with an expiry",
     SINCE_7_0,
     MUST_EQUAL,
     "OK",
     {"SET", "%k", "v", "PXAT", LATER}},
    {"mset",
     "small strings, many at once",
     EVERY,
     MUST_EQUAL,
     "OK",
     {"MSET", "%k", "v", "%o", "w"}},
    {"held-expiry",
     "holding expiries while following",
     EVERY,
     MUST_EQUAL,
     "1",
     {"PEXPIREAT", "%k", HELD}},
    {"held-expiry-read",
     "finding held ones again",
     SINCE_7_0,
     MUST_EQUAL,
     HELD,
     {"PEXPIRETIME", "%k"}},
    {"held-expiry-read",
     "finding held ones again",
     BEFORE_7_0,
     MUST_EQUAL,
     HELD,
     {"EVAL", HELD_READ, "1", "%k"}},
    {"eval",
     "releasing held expiries",
     EVERY,
     MUST_EQUAL,
     "1",
     {"EVAL", "return redis.call('PEXPIREAT', KEYS[1], ARGV[1])", "1", "%k", LATER}},
    {"persist", "expiries that are taken away", EVERY, MUST_EQUAL, "1", {"PERSIST", "%k"}},
    {"type", "verification", EVERY, MUST_EQUAL, "string", {"TYPE", "%k"}},
    {"memory-usage",
     "sizes before a value is read",
     EVERY,
     MUST_ANSWER,
     "",
     {"MEMORY", "USAGE", "%k"}},
    {"scan",
     "verification, deleting what the source has not",
     EVERY,
     MUST_ANSWER,
     "",
     {"SCAN", "0"}},
    {"dbsize", "an empty target", EVERY, MUST_ANSWER, "", {"DBSIZE"}},
    {"select", "more than one database", EVERY, MUST_EQUAL, "OK", {"SELECT", "1"}},
    {"select-back", "more than one database", EVERY, MUST_EQUAL, "OK", {"SELECT", "0"}},
    {"hset", "hashes as commands", EVERY, MUST_EQUAL, "1", {"HSET", "%o:h", "f", "v"}},
    {"xadd", "streams as commands", EVERY, MUST_EQUAL, "1-1", {"XADD", "%o:x", "1-1", "f", "v"}},
    {"function-list", "functions", SINCE_7_0, MUST_ANSWER, "", {"FUNCTION", "LIST"}},
    {"client-setname",
     "naming our connections",
     EVERY,
     MUST_EQUAL,
     "OK",
     {"CLIENT", "SETNAME", "handover-selftest"}},
    {"client-list", "ending our earlier connections", EVERY, MUST_ANSWER, "", {"CLIENT", "LIST"}},
    {"wait", "replicas that lag", EVERY, MUST_ANSWER, "", {"WAIT", "0", "1"}},
    {"acl-whoami", "rights in the preflight", EVERY, MUST_ANSWER, "", {"ACL", "WHOAMI"}},
    {"acl-dryrun",
     "rights in the preflight",
     SINCE_7_0,
     MUST_ANSWER,
     "",
     {"ACL", "DRYRUN", "default", "PING"}},
    {"unlink", "deleting", EVERY, MUST_ANSWER, "", {"UNLINK", "%o:h"}},
};

static const char *word_fill(arena *memory, const char *word, const char *key)
{
    if (strncmp(word, "%k", 2) == 0) return arena_printf(memory, "%s%s", key, word + 2);
    if (strncmp(word, "%o", 2) == 0) return arena_printf(memory, "%s:o%s", key, word + 2);
    return word;
}

static const char *answer_show(selftest *t, const reply *r)
{
    switch (r->kind) {
    case REPLY_INTEGER:
        return report_printf(t->r, "%" PRId64, r->integer);
    case REPLY_ARRAY:
        return report_printf(t->r, "(%zu values)", r->count);
    case REPLY_NIL:
        return "(nothing)";
    case REPLY_STATUS:
    case REPLY_ERROR:
    case REPLY_BULK:
        break;
    }
    return selftest_words(t, r->text, ANSWER_MAX);
}

typedef struct {
    selftest *t;
    size_t section, table;
} shown_table;

static void
result_add(const shown_table *s, const char *id, const char *use, bool good, const char *answer)
{
    selftest *t = s->t;
    t->asked++;
    report_add_row(t->r, s->section, s->table,
                   (const char *const[]){id, use, good ? "as expected" : "DIFFERS", answer});
    if (good) {
        t->as_said++;
        return;
    }
    t->differ++;
    report_add_finding(t->r, &(finding){.id = report_printf(t->r, "selftest-move:%s", id),
                                        .area = AREA,
                                        .severity = SEVERITY_WARN,
                                        .title = report_printf(t->r, "%s: not as expected", id),
                                        .evidence = answer,
                                        .consequence = report_printf(
                                            t->r, "a move to this cache needs it for: %s", use),
                                        .action = "send this report to the makers of handover "
                                                  "before you move to this cache"});
}

/* A payload that the target made itself comes back as it was. */
static bool restore_try(const shown_table *s, const char *key, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *dump = NULL;
    const reply *r = NULL;
    const char *copy = arena_printf(&memory, "%s:copy", key);
    const span read[] = {span_text("DUMP"), span_text(key)};
    if (!selftest_ask(s->t, &memory, &dump, e, COUNT_OF(read), read)) return false;
    if (dump->kind != REPLY_BULK) {
        result_add(s, "dump", "verification, large values", false, answer_show(s->t, dump));
        return true;
    }
    result_add(s, "dump", "verification, large values", true,
               report_printf(s->t->r, "%zu bytes", dump->text.size));
    const span write[] = {span_text("RESTORE"), span_text(copy),      span_text(LATER),
                          dump->text,           span_text("REPLACE"), span_text("ABSTTL")};
    if (!selftest_ask(s->t, &memory, &r, e, COUNT_OF(write), write)) return false;
    result_add(s, "restore", "values as the snapshot has them", span_is(r->text, "OK"),
               answer_show(s->t, r));
    return true;
}

/* What cutover and status read. */
static bool info_try(const shown_table *s, err *e)
{
    static const char *const fields[] = {
        "role",      "master_repl_offset", "connected_slaves",  "run_id",           "used_memory",
        "maxmemory", "maxmemory_policy",   "uptime_in_seconds", "connected_clients"};
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    const span args[] = {span_text("INFO"), span_text("all")};
    if (!selftest_ask(s->t, &memory, &r, e, COUNT_OF(args), args)) return false;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        span value = {0};
        bool there = r->kind == REPLY_BULK && info_text(r->text, fields[i], &value);
        result_add(s, report_printf(s->t->r, "info %s", fields[i]), "cutover, status, preflight",
                   there,
                   there ? report_shown(s->t->r, value.at, value.size, ANSWER_MAX) : "absent");
    }
    return true;
}

/* Best effort: what was made here is a handful of small keys. */
static void clean(selftest *t, const char *key)
{
    static const char *const ends[] = {"", ":o", ":o:h", ":o:x", ":copy"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        CLEANUP(arena_clear) arena memory = {0};
        const reply *r = NULL;
        err ignored = {0};
        const span args[] = {span_text("DEL"),
                             span_text(arena_printf(&memory, "%s%s", key, ends[i]))};
        if (!selftest_ask(t, &memory, &r, &ignored, COUNT_OF(args), args)) continue;
    }
}

static bool rows_try(const shown_table *s, const char *key, err *e)
{
    const engine_version *v = &s->t->version;
    int not_for = v->major > 0 && v->major < 7 ? SINCE_7_0 : BEFORE_7_0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if ((int)rows[i].engines == not_for) continue;
        CLEANUP(arena_clear) arena memory = {0};
        span args[WORDS_MAX];
        size_t count = 0;
        const reply *r = NULL;
        for (; count < WORDS_MAX && rows[i].words[count]; count++)
            args[count] = span_text(word_fill(&memory, rows[i].words[count], key));
        if (!selftest_ask(s->t, &memory, &r, e, count, args)) return false;
        /* An answer that is only asked to come may name users, clients and addresses. */
        bool any = rows[i].must == MUST_ANSWER && !reply_is_error(r);
        const char *told = any ? "(an answer)" : answer_show(s->t, r);
        bool good =
            !reply_is_error(r) && (rows[i].must == MUST_ANSWER || strcmp(told, rows[i].equal) == 0);
        result_add(s, rows[i].id, rows[i].use, good, told);
    }
    return true;
}

bool selftest_moves(selftest *t, err *e)
{
    static const char *const columns[] = {"Check", "Used for", "Result", "Answer"};
    char key[64];
    uint64_t chance = 0;
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return err_set(e, ERR_IO, "the kernel gives no random bytes");
    (void)snprintf(key, sizeof key, SELFTEST_PREFIX "{%016" PRIx64 "}", chance);
    shown_table s = {.t = t, .section = report_section_at(t->r, "moves", AREA)};
    s.table = report_add_table(t->r, s.section, "Tried on keys of our own, which are deleted",
                               COUNT_OF(columns), columns);
    bool good = rows_try(&s, key, e) && restore_try(&s, key, e) && info_try(&s, e);
    clean(t, key);
    return good;
}
