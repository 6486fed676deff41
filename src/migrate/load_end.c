#include "migrate/load_end.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/bookkeeping.h"
#include "engine/scan.h"
#include "migrate/changes.h"
#include "migrate/hooks.h"

#define COMPARED "file_compared" /* in the journal: 1 the same, 2 different */
#define KIND_COUNT (RDB_KIND_MODULE + 1)
#define CLOCK_MARGIN_MS 1000
/* SCAN may answer a key twice while the target's tables still grow. */
#define ROUNDS 3
#define ROUND_PAUSE_US 900000
#define REPLICAS_WAIT_MS 30000

typedef struct {
    uint32_t db;
    uint64_t certain[KIND_COUNT]; /* in the file, and not over */
    uint64_t maybe[KIND_COUNT];   /* over about now */
    uint64_t there[KIND_COUNT];   /* on the target */
} db_count;

typedef struct {
    arena memory;
    size_t count;
    db_count *rows;             /* DUMP_DATABASES_MAX at most */
    engine *types;              /* TYPE is asked here, SCAN on the other connection */
    int64_t begun_ms, ended_ms; /* of the counting on the target, by its clock */
} comparison;

static db_count *row_at(comparison *c, uint32_t db)
{
    for (size_t i = c->count; i > 0; i--)
        if (c->rows[i - 1].db == db) return &c->rows[i - 1];
    if (c->count == DUMP_DATABASES_MAX) return &c->rows[c->count - 1]; /* the file has no more */
    c->rows[c->count] = (db_count){.db = db};
    return &c->rows[c->count++];
}

static void file_key(void *context, const dump_key *k)
{
    comparison *c = context;
    db_count *row = row_at(c, k->item->db);
    int64_t at_ms = k->item->expires_at_ms;
    size_t kind = (size_t)k->item->type->kind;
    if (at_ms < 0 || at_ms > c->ended_ms + CLOCK_MARGIN_MS) {
        row->certain[kind]++;
    } else if (at_ms > c->begun_ms - CLOCK_MARGIN_MS) {
        row->maybe[kind]++;
    }
}

static size_t kind_of(span type)
{
    for (size_t i = 0; i < RDB_KIND_MODULE; i++)
        if (span_is(type, rdb_kind_name((rdb_kind)i))) return i;
    return RDB_KIND_MODULE;
}

static bool batch_count(void *context, unsigned db, size_t count, const reply *keys, err *e)
{
    comparison *c = context;
    CLEANUP(arena_clear) arena memory = {0};
    CLEANUP(buf_clear) buf out = buf_of(1024 * MIB);
    const reply **answers = arena_alloc(&memory, (count + 1) * sizeof(const reply *));
    char number[16];
    (void)snprintf(number, sizeof number, "%u", db);
    bool fits = resp_begin(&out, 2) && resp_arg_text(&out, "SELECT") && resp_arg_text(&out, number);
    for (size_t i = 0; i < count && fits; i++)
        fits = resp_begin(&out, 2) && resp_arg_text(&out, "TYPE") && resp_arg(&out, keys[i].text);
    if (!fits) return err_set(e, ERR_LIMIT, "%zu keys: too large", count);
    if (!engine_pipeline(c->types, &memory, buf_span(&out), count + 1, answers, e)) return false;
    db_count *row = row_at(c, db);
    for (size_t i = 0; i < count; i++) {
        const reply *a = answers[i + 1];
        if (reply_is_error(a)) return err_set(e, ERR_REFUSED, "TYPE: %s", reply_show(a->text).text);
        if (span_is(a->text, "none") || span_starts(keys[i].text, BOOKKEEPING_PREFIX)) continue;
        row->there[kind_of(a->text)]++;
    }
    return true;
}

static bool target_count(move *m, comparison *c, err *e)
{
    engine_options o = {.url = &m->target_url,
                        .side = SIDE_TARGET,
                        .name = "handover-control",
                        .timeout_ms = CONTROL_TIMEOUT_MS};
    for (size_t i = 0; i < c->count; i++)
        memset(c->rows[i].there, 0, sizeof c->rows[i].there);
    if (!move_target(m, e) || !engine_open(m->loop, &o, &c->types, e)) return false;
    c->begun_ms = clock_wall_ms() + m->target_skew_ms;
    bool done = scan_batches(m->target, SCAN_ALL, batch_count, c, e);
    c->ended_ms = clock_wall_ms() + m->target_skew_ms;
    engine_free(c->types);
    c->types = NULL;
    return done;
}

static bool file_count(move *m, comparison *c, err *e)
{
    dump_summary s = {0};
    dump_options o = {.visit = file_key, .context = c};
    for (size_t i = 0; i < c->count; i++) {
        memset(c->rows[i].certain, 0, sizeof c->rows[i].certain);
        memset(c->rows[i].maybe, 0, sizeof c->rows[i].maybe);
    }
    bool done = dump_read(m->load.path, &o, &s, e);
    dump_summary_clear(&s);
    return done;
}

typedef struct {
    uint64_t keys; /* on the target */
    uint64_t missing, extra;
} difference;

static difference difference_of(const move *m, const comparison *c)
{
    difference d = {0};
    bool others = m->options->policy == TARGET_MERGE; /* keys of its own are there too */
    for (size_t i = 0; i < c->count; i++) {
        const db_count *row = &c->rows[i];
        for (size_t kind = 0; kind < KIND_COUNT; kind++) {
            uint64_t there = row->there[kind];
            uint64_t most = row->certain[kind] + row->maybe[kind];
            d.keys += there;
            if (there < row->certain[kind]) d.missing += row->certain[kind] - there;
            if (there > most && !others) d.extra += there - most;
        }
    }
    return d;
}

static void comparison_print(const comparison *c)
{
    printf("keys in the file that are not over, and on the target\n");
    printf("  %-6s %-8s %14s %14s\n", "db", "type", "file", "target");
    for (size_t i = 0; i < c->count; i++) {
        const db_count *row = &c->rows[i];
        for (size_t kind = 0; kind < KIND_COUNT; kind++) {
            uint64_t file = row->certain[kind] + row->maybe[kind];
            if (file == 0 && row->there[kind] == 0) continue;
            printf("  %-6" PRIu32 " %-8s %14" PRIu64 " %14" PRIu64 "\n", row->db,
                   rdb_kind_name((rdb_kind)kind), file, row->there[kind]);
        }
    }
    (void)fflush(stdout);
}

/* Until as many are there as the file has, or the rounds are over. */
static bool rounds_run(move *m, comparison *c, uint64_t set_aside, difference *ret, err *e)
{
    for (int round = 0; round < ROUNDS; round++) {
        if (round > 0) (void)usleep(ROUND_PAUSE_US); /* woken early, it is only earlier */
        if (!target_count(m, c, e) || !file_count(m, c, e)) return false;
        *ret = difference_of(m, c);
        if (ret->extra == 0 && ret->missing <= set_aside) return true;
    }
    return true;
}

/* What a target's primary alone holds is lost with it. */
static bool replicas_wait(move *m, err *e)
{
    bool all = false;
    if (!move_target(m, e) || !link_replicas_wait(m->target, REPLICAS_WAIT_MS, &all, e))
        return false;
    if (!all) log_warn("the target's replicas do not hold everything yet; look at them");
    return true;
}

bool load_compare(move *m, bool *ret_same, err *e)
{
    comparison c = {0};
    difference d = {0};
    struct journal_quarantine_count set_aside = {0};
    int64_t begun = clock_ns();
    c.rows = arena_alloc(&c.memory, DUMP_DATABASES_MAX * sizeof *c.rows);
    bool done = journal_quarantine_count(m->journal, &set_aside, e) && replicas_wait(m, e) &&
                rounds_run(m, &c, set_aside.all, &d, e);
    if (done) comparison_print(&c);
    arena_clear(&c.memory);
    if (!done) return false;
    bool same = d.extra == 0 && d.missing <= set_aside.all;
    if (!same) {
        log_error("%" PRIu64 " keys of the file are not on the target (%" PRIu64 " of them in the "
                  "quarantine), %" PRIu64 " there are not in the file\n  do: did somebody else "
                  "write to the target meanwhile?",
                  d.missing, set_aside.all, d.extra);
    }
    struct journal_verification row = {.result = same ? "equal" : "different",
                                       .keys = d.keys,
                                       .differences = d.missing + d.extra,
                                       .seconds = (double)(clock_ns() - begun) / (double)NS_PER_S,
                                       .detail = "{\"by\":\"number of keys\"}"};
    *ret_same = same;
    return journal_verification_add(m->journal, &row, e) &&
           journal_set_i64(m->journal, COMPARED, same ? 1 : 2, e);
}

bool load_is_compared(move *m, bool *ret, bool *ret_same, err *e)
{
    int64_t found = 0;
    if (!journal_get_i64(m->journal, COMPARED, 0, &found, e)) return false;
    *ret = found != 0;
    *ret_same = found == 1;
    return true;
}

bool load_finish(move *m, err *e)
{
    move_link_stop(m);
    return change_undo_settings(m, e) && change_undo(m, CHANGE_CHECKPOINT, e) &&
           move_enter(m, JOURNAL_FINISHED, "everything in the file is on the target", e);
}
