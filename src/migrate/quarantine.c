#include "migrate/quarantine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "migrate/control.h"

#define INCIDENTS_PER_LOOK ((size_t)500)
#define COPY_DEADLINE_MS 60000
#define KEYS_PER_ORDER ((size_t)500)

bool quarantine_note(move *m, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    link_incident taken[INCIDENTS_PER_LOOK];
    struct journal_quarantine rows[INCIDENTS_PER_LOOK];
    size_t count = link_incidents_read(m->link, &memory, taken, INCIDENTS_PER_LOOK);
    if (count == 0) return true;
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct journal_quarantine){.db = taken[i].db,
                                              .key = taken[i].key,
                                              .type = taken[i].type,
                                              .reason = taken[i].reason,
                                              .offset = (int64_t)taken[i].offset};
    }
    log_warn("key '%s' (db %u) goes to the quarantine: %s%s", span_show(taken[0].key).text,
             taken[0].db, taken[0].reason, count > 1 ? " (and others)" : "");
    if (!journal_quarantine_add(m->journal, rows, count, e)) return false;
    link_incidents_drop(m->link, count);
    return true;
}

typedef struct {
    uint64_t written, deleted, refused;
    char first[400]; /* of the refused */
} copy_result;

static void refused_note(copy_result *r, unsigned db, span key, const char *why)
{
    if (r->refused++ > 0) return;
    (void)snprintf(r->first, sizeof r->first, "'%s' (db %u): %s", span_show(key).text, db, why);
}

/* A key that was copied leaves the quarantine; one that was not stays, or enters it. */
static bool verdict_note(move *m, const link_copy *k, copy_result *r, err *e)
{
    if (k->verdict != LINK_COPY_REFUSED) {
        *(k->verdict == LINK_COPY_WRITTEN ? &r->written : &r->deleted) += 1;
        return journal_quarantine_remove(m->journal, k->db, k->key, e);
    }
    struct journal_quarantine row = {
        .db = k->db, .key = k->key, .type = "unknown", .reason = k->text};
    refused_note(r, k->db, k->key, k->text);
    return journal_quarantine_add(m->journal, &row, 1, e);
}

static bool keys_copy(move *m, link_copy *keys, size_t count, copy_result *r, err *e)
{
    if (count == 0) return true;
    if (!move_source(m, e) ||
        !link_copy_keys(m->link, m->source, keys, count, deadline_in_ms(COPY_DEADLINE_MS), e))
        return false;
    /* What the stream said of these keys before their place is settled by now. */
    if (!quarantine_note(m, e)) return false;
    for (size_t i = 0; i < count; i++)
        if (!verdict_note(m, &keys[i], r, e)) return false;
    return true;
}

static char *result_show(const copy_result *r)
{
    char *text = NULL;
    int size = asprintf(&text,
                        "%" PRIu64 " copied, %" PRIu64 " not on the source any more, %" PRIu64
                        " refused%s%s",
                        r->written, r->deleted, r->refused, r->refused ? ": " : "", r->first);
    assert(size > 0);
    return text;
}

static bool row_is_wanted(const struct journal_quarantine *row, const json_t *ids)
{
    if (json_array_size(ids) == 0) return !row->accepted;
    for (size_t i = 0; i < json_array_size(ids); i++)
        if (json_integer_value(json_array_get(ids, i)) == row->id) return true;
    return false;
}

/* Why a row cannot be tried again; NULL: it can. */
static const char *row_hindrance(const struct journal_quarantine *row)
{
    if (strcmp(row->type, "function") == 0)
        return "a library of functions is not copied by value: load it on the target by hand";
    if (row->key_size > row->key.size) return "its name is longer than the journal keeps";
    return NULL;
}

bool quarantine_retry(move *m, const json_t *ids, char **ret_text, uint64_t *ret_refused, err *e)
{
    copy_result r = {0};
    int64_t after = 0;
    for (;;) {
        CLEANUP(arena_clear) arena memory = {0};
        struct journal_quarantine *rows = NULL;
        size_t count = 0;
        size_t wanted = 0;
        if (!journal_quarantine_page(m->journal, after, &memory, &rows, &count, e)) return false;
        if (count == 0) break;
        after = rows[count - 1].id;
        link_copy *keys = arena_alloc(&memory, count * sizeof *keys);
        for (size_t i = 0; i < count; i++) {
            if (!row_is_wanted(&rows[i], ids)) continue;
            const char *why = row_hindrance(&rows[i]);
            if (why) refused_note(&r, rows[i].db, rows[i].key, why);
            if (!why) keys[wanted++] = (link_copy){.db = rows[i].db, .key = rows[i].key};
        }
        if (!keys_copy(m, keys, wanted, &r, e)) return false;
    }
    *ret_text = result_show(&r);
    *ret_refused = r.refused;
    return true;
}

static bool hex_read(const char *text, arena *memory, span *ret)
{
    size_t size = strlen(text);
    uint8_t *out = arena_alloc(memory, size / 2 + 1);
    if (size % 2 != 0) return false;
    for (size_t i = 0; i < size; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = strchr(digits, text[i]);
        if (!at) return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (at - digits));
    }
    *ret = span_of(out, size / 2);
    return true;
}

bool quarantine_copy(move *m, const json_t *list, char **ret_text, uint64_t *ret_refused, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    copy_result r = {0};
    size_t count = json_array_size(list);
    if (count > KEYS_PER_ORDER)
        return err_set(e, ERR_USAGE, "at most %zu keys in one order", KEYS_PER_ORDER);
    link_copy *keys = arena_alloc(&memory, (count + 1) * sizeof *keys);
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(list, i);
        const char *hex = json_string_value(json_array_get(pair, 1));
        int64_t db = json_integer_value(json_array_get(pair, 0));
        if (!hex || db < 0 || db > UINT16_MAX || !hex_read(hex, &memory, &keys[i].key))
            return err_set(e, ERR_USAGE, "key %zu of the order is no [database, name]", i + 1);
        keys[i].db = (unsigned)db;
    }
    if (!keys_copy(m, keys, count, &r, e)) return false;
    *ret_text = result_show(&r);
    *ret_refused = r.refused;
    return true;
}

/* --- what the commands do -------------------------------------------------------------------- */

static json_t *row_json(const struct journal_quarantine *row)
{
    CLEANUP(arena_clear) arena memory = {0};
    char *hex = arena_alloc(&memory, 2 * row->key.size + 1);
    for (size_t i = 0; i < row->key.size; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", row->key.at[i]);
    return json_pack("{s:I, s:i, s:s, s:s, s:I, s:s, s:s, s:I, s:s, s:b}", "id",
                     (json_int_t)row->id, "db", (int)row->db, "key", span_show(row->key).text,
                     "key_hex", hex, "key_size", (json_int_t)row->key_size, "type", row->type,
                     "reason", row->reason, "offset", (json_int_t)row->offset, "at",
                     clock_show(row->at_ms).text, "accepted", row->accepted);
}

static void row_print(const struct journal_quarantine *row)
{
    printf("%6" PRId64 "  db %-3u  %-8s %s'%s': %s\n", row->id, row->db, row->type,
           row->accepted ? "(accepted) " : "", span_show(row->key).text, row->reason);
}

static bool rows_tell(struct journal *j, json_t *into, uint64_t *ret_count, err *e)
{
    int64_t after = 0;
    for (;;) {
        CLEANUP(arena_clear) arena memory = {0};
        struct journal_quarantine *rows = NULL;
        size_t count = 0;
        if (!journal_quarantine_page(j, after, &memory, &rows, &count, e)) return false;
        if (count == 0) return true;
        after = rows[count - 1].id;
        *ret_count += count;
        for (size_t i = 0; i < count; i++) {
            if (into) (void)json_array_append_new(into, row_json(&rows[i]));
            if (!into) row_print(&rows[i]);
        }
    }
}

bool migrate_quarantine_list(const char *workdir, bool json, err *e)
{
    struct journal *j = NULL;
    uint64_t count = 0;
    json_t *list = json ? json_array() : NULL;
    bool good = journal_open(workdir, false, &j, e) && rows_tell(j, list, &count, e);
    journal_close(j);
    if (good && json) {
        char *text = json_dumps(list, JSON_INDENT(2));
        printf("%s\n", text);
        free(text);
    } else if (good && count == 0) {
        printf("the quarantine is empty\n");
    }
    json_decref(list);
    return good;
}

static bool id_read(const char *text, int64_t *ret, err *e)
{
    if (span_to_i64(span_text(text), ret) && *ret > 0) return true;
    (void)err_set(e, ERR_USAGE, "'%s' is no number of a quarantined key",
                  span_show(span_text(text)).text);
    return err_hint(e, "'migrate quarantine list' tells the numbers");
}

static bool all_accept(struct journal *j, uint64_t *ret_count, err *e)
{
    int64_t after = 0;
    for (;;) {
        CLEANUP(arena_clear) arena memory = {0};
        struct journal_quarantine *rows = NULL;
        size_t count = 0;
        if (!journal_quarantine_page(j, after, &memory, &rows, &count, e)) return false;
        if (count == 0) return true;
        after = rows[count - 1].id;
        for (size_t i = 0; i < count; i++) {
            if (rows[i].accepted) continue;
            if (!journal_quarantine_accept(j, rows[i].id, e)) return false;
            (*ret_count)++;
        }
    }
}

bool migrate_quarantine_accept(const char *workdir, const char *const *ids, size_t count, err *e)
{
    struct journal *j = NULL;
    uint64_t accepted = 0;
    bool all = count == 1 && strcmp(ids[0], "all") == 0;
    if (count == 0) {
        (void)err_set(e, ERR_USAGE, "which keys are accepted?");
        return err_hint(e, "give their numbers from 'migrate quarantine list', or 'all'");
    }
    bool good = journal_open(workdir, false, &j, e);
    if (good && all) good = all_accept(j, &accepted, e);
    for (size_t i = 0; good && !all && i < count; i++) {
        int64_t id = 0;
        good = id_read(ids[i], &id, e) && journal_quarantine_accept(j, id, e);
        if (good) accepted++;
    }
    journal_close(j);
    if (good) {
        printf("%" PRIu64 " accepted: the cutover no longer waits for %s\n", accepted,
               accepted == 1 ? "it" : "them");
    }
    return good;
}

bool migrate_quarantine_retry(
    const char *workdir, const char *const *ids, size_t count, uint64_t *ret_refused, err *e)
{
    char *text = NULL;
    json_t *list = json_array();
    move_order order = {.kind = ORDER_RETRY, .list = list};
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        int64_t id = 0;
        good = id_read(ids[i], &id, e);
        if (good) (void)json_array_append_new(list, json_integer(id));
    }
    good = good && control_ask(workdir, &order, &text, e);
    if (good) printf("%s\n", text);
    *ret_refused = order.refused;
    free(text);
    json_decref(list);
    return good;
}

bool migrate_copy(
    const char *workdir, const migrate_key *keys, size_t count, uint64_t *ret_refused, err *e)
{
    size_t from = 0;
    *ret_refused = 0;
    do {
        json_t *list = json_array();
        char *text = NULL;
        move_order order = {.kind = ORDER_COPY, .list = list};
        for (size_t i = from; i < count && i < from + KEYS_PER_ORDER; i++) {
            CLEANUP(arena_clear) arena memory = {0};
            char *hex = arena_alloc(&memory, 2 * keys[i].key.size + 1);
            for (size_t k = 0; k < keys[i].key.size; k++)
                (void)snprintf(hex + 2 * k, 3, "%02x", keys[i].key.at[k]);
            (void)json_array_append_new(list, json_pack("[i, s]", keys[i].db, hex));
        }
        bool good = control_ask(workdir, &order, &text, e);
        *ret_refused += order.refused;
        free(text);
        json_decref(list);
        if (!good) return false;
        from += KEYS_PER_ORDER;
    } while (from < count);
    return true;
}
