#include "inspect/keys_json.h"

#include <errno.h>
#include <math.h>

#include "base/json_text.h"

/* What is open in the line being written, besides the object of the key itself. */
typedef enum { OPEN_VALUE, OPEN_ENTRY, OPEN_GROUPS, OPEN_GROUP, OPEN_CONSUMER } open_part;

typedef struct {
    FILE *out;
    FILE *expiries; /* of fields: the text to come behind the value; NULL: none yet */
    rdb_kind kind;
    open_part open;
    uint64_t items; /* written into the innermost list that is open */
    uint64_t groups, consumers;
    uint64_t expiry_count;
    json_text text; /* a string value in pieces */
} line_writer;

static void comma(const line_writer *w)
{
    if (w->items > 0) (void)fputc(',', w->out);
}

static void score_write(FILE *out, double score)
{
    if (isinf(score)) {
        (void)fputs(score > 0 ? "\"inf\"" : "\"-inf\"", out); /* JSON has no infinity */
        return;
    }
    if (score >= 0 && score <= 0) {
        (void)fputs(signbit(score) ? "-0.0" : "0", out); /* "-0" would be read as a whole number */
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads the same again */
        double back = 0;
        (void)snprintf(text, sizeof text, "%.*g", digits, score);
        if (span_to_double(span_text(text), &back) && back >= score && back <= score) break;
    }
    (void)fputs(text, out);
}

static void id_write(FILE *out, const char *name, rdb_stream_id id)
{
    (void)fprintf(out, "\"%s\":\"%" PRIu64 "-%" PRIu64 "\"", name, id.ms, id.seq);
}

static bool expiry_note(line_writer *w, const rdb_element *x, err *e)
{
    if (x->expires_at_ms < 0) return true;
    if (!w->expiries) w->expiries = tmpfile();
    if (!w->expiries) return err_sys(e, errno, "a temporary file for the expiries of fields");
    if (w->expiry_count++ > 0) (void)fputc(',', w->expiries);
    json_text_write(w->expiries, x->text);
    (void)fprintf(w->expiries, ":%" PRId64, x->expires_at_ms);
    return true;
}

/* Behind the value of a hash. */
static bool expiries_write(line_writer *w, err *e)
{
    char block[4096];
    size_t n = 0;
    if (!w->expiries) return true;
    if (fflush(w->expiries) != 0 || fseek(w->expiries, 0, SEEK_SET) != 0)
        return err_sys(e, errno, "the temporary file for the expiries of fields");
    (void)fputs(",\"field_expires_at_ms\":{", w->out);
    while ((n = fread(block, 1, sizeof block, w->expiries)) > 0)
        (void)fwrite(block, 1, n, w->out);
    (void)fputc('}', w->out);
    return !ferror(w->expiries) || err_set(e, ERR_IO, "the temporary file cannot be read");
}

/* Closes what is open down to `to`. */
static void close_to(line_writer *w, open_part to)
{
    static const char *const ends[] = {[OPEN_VALUE] = "",
                                       [OPEN_ENTRY] = "]}",
                                       [OPEN_GROUPS] = "]",
                                       [OPEN_GROUP] = "]}",
                                       [OPEN_CONSUMER] = "]}"};
    static const open_part below[] = {[OPEN_VALUE] = OPEN_VALUE,
                                      [OPEN_ENTRY] = OPEN_VALUE,
                                      [OPEN_GROUPS] = OPEN_VALUE,
                                      [OPEN_GROUP] = OPEN_GROUPS,
                                      [OPEN_CONSUMER] = OPEN_GROUP};
    while (w->open > to) {
        (void)fputs(ends[w->open], w->out);
        w->open = below[w->open];
    }
}

static void stream_write(line_writer *w, const rdb_stream_meta *m)
{
    close_to(w, OPEN_VALUE);
    (void)fprintf(w->out, "],\"stream\":{\"length\":%" PRIu64 ",", m->length);
    id_write(w->out, "last_id", m->last);
    if (m->has_history) {
        (void)fputc(',', w->out);
        id_write(w->out, "first_id", m->first);
        (void)fputc(',', w->out);
        id_write(w->out, "max_deleted_id", m->max_deleted);
        (void)fprintf(w->out, ",\"entries_added\":%" PRIu64, m->entries_added);
    }
    (void)fputs("},\"groups\":[", w->out);
    w->open = OPEN_GROUPS;
}

static void group_write(line_writer *w, const rdb_element *x)
{
    close_to(w, OPEN_GROUPS);
    (void)fputs(w->groups++ > 0 ? ",{\"name\":" : "{\"name\":", w->out);
    json_text_write(w->out, x->text);
    (void)fputc(',', w->out);
    id_write(w->out, "last_delivered_id", x->id);
    if (x->entries_read >= 0) (void)fprintf(w->out, ",\"entries_read\":%" PRId64, x->entries_read);
    (void)fputs(",\"consumers\":[", w->out);
    w->open = OPEN_GROUP;
    w->consumers = 0;
}

static void consumer_write(line_writer *w, const rdb_element *x)
{
    close_to(w, OPEN_GROUP);
    (void)fputs(w->consumers++ > 0 ? ",{\"name\":" : "{\"name\":", w->out);
    json_text_write(w->out, x->text);
    (void)fprintf(w->out, ",\"seen_at_ms\":%" PRId64 ",\"active_at_ms\":%" PRId64 ",\"pending\":[",
                  x->seen_ms, x->active_ms);
    w->open = OPEN_CONSUMER;
    w->items = 0;
}

static void pending_write(line_writer *w, const rdb_element *x)
{
    comma(w);
    w->items++;
    (void)fputc('{', w->out);
    id_write(w->out, "id", x->id);
    (void)fprintf(w->out, ",\"delivered_at_ms\":%" PRId64 ",\"deliveries\":%" PRIu64 "}",
                  x->delivered_ms, x->count);
}

static void entry_write(line_writer *w, const rdb_element *x)
{
    close_to(w, OPEN_VALUE);
    comma(w);
    w->items++;
    (void)fputc('{', w->out);
    id_write(w->out, "id", x->id);
    (void)fputs(",\"fields\":[", w->out);
    w->open = OPEN_ENTRY;
    w->groups = 0; /* while entries are written: fields of this one */
}

static void pair_write(line_writer *w, const rdb_element *x, const char *between)
{
    json_text_write(w->out, x->text);
    (void)fputs(between, w->out);
    json_text_write(w->out, x->value);
}

static bool element_write(line_writer *w, const rdb_element *x, err *e)
{
    switch (x->kind) {
    case RDB_ELEMENT_PIECE:
    case RDB_ELEMENT_MODULE:
        json_text_add(&w->text, x->text);
        return true;
    case RDB_ELEMENT_ITEM:
    case RDB_ELEMENT_MEMBER:
        comma(w);
        json_text_write(w->out, x->text);
        break;
    case RDB_ELEMENT_SCORED:
        comma(w);
        (void)fputc('[', w->out);
        json_text_write(w->out, x->text);
        (void)fputc(',', w->out);
        score_write(w->out, x->score);
        (void)fputc(']', w->out);
        break;
    case RDB_ELEMENT_FIELD:
        comma(w);
        pair_write(w, x, ":");
        w->items++;
        return expiry_note(w, x, e);
    case RDB_ELEMENT_ENTRY:
        entry_write(w, x);
        return true;
    case RDB_ELEMENT_ENTRY_FIELD:
        if (w->groups++ > 0) (void)fputc(',', w->out);
        pair_write(w, x, ",");
        return true;
    case RDB_ELEMENT_STREAM:
        stream_write(w, &x->stream);
        w->groups = 0;
        return true;
    case RDB_ELEMENT_GROUP:
        group_write(w, x);
        return true;
    case RDB_ELEMENT_CONSUMER:
        consumer_write(w, x);
        return true;
    case RDB_ELEMENT_PENDING:
        pending_write(w, x);
        return true;
    case RDB_ELEMENT_END:
        return true;
    }
    w->items++;
    return true;
}

static void head_write(line_writer *w, const rdb_item *item)
{
    (void)fprintf(w->out, "{\"db\":%" PRIu32 ",\"key\":", item->db);
    json_text_write(w->out, item->key);
    (void)fprintf(w->out, ",\"type\":\"%s\",\"encoding\":\"%s\",\"expires_at_ms\":",
                  rdb_kind_name(item->type->kind), item->type->name);
    if (item->expires_at_ms >= 0) {
        (void)fprintf(w->out, "%" PRId64, item->expires_at_ms);
    } else {
        (void)fputs("null", w->out);
    }
    if (item->idle_s >= 0) (void)fprintf(w->out, ",\"idle_s\":%" PRId64, item->idle_s);
    if (item->frequency >= 0) (void)fprintf(w->out, ",\"frequency\":%" PRId64, item->frequency);
}

/* What stands around the elements of each kind. */
static const struct {
    const char *begin;
    const char *end;
    bool is_text; /* one string in pieces */
} brackets[] = {
    [RDB_KIND_STRING] = {",\"value\":", "", true},
    [RDB_KIND_LIST] = {",\"value\":[", "]", false},
    [RDB_KIND_SET] = {",\"value\":[", "]", false},
    [RDB_KIND_ZSET] = {",\"value\":[", "]", false},
    [RDB_KIND_HASH] = {",\"value\":{", "}", false},
    [RDB_KIND_STREAM] = {",\"value\":[", "", false}, /* its parts close themselves */
    [RDB_KIND_MODULE] = {",\"serialized\":", "", true},
};

static bool value_write(line_writer *w, dump_input *r, struct rdb_decoder *d, err *e)
{
    rdb_element x = {.kind = RDB_ELEMENT_PIECE};
    (void)fputs(brackets[w->kind].begin, w->out);
    if (brackets[w->kind].is_text) json_text_begin(&w->text, w->out);
    while (x.kind != RDB_ELEMENT_END) {
        if (!dump_input_element(r, d, &x, e) || !element_write(w, &x, e)) return false;
    }
    if (brackets[w->kind].is_text) json_text_end(&w->text);
    close_to(w, OPEN_VALUE);
    (void)fputs(brackets[w->kind].end, w->out);
    return expiries_write(w, e);
}

bool keys_json_write(dump_input *r, struct rdb_decoder *d, const rdb_item *item, FILE *out, err *e)
{
    line_writer w = {.out = out, .kind = item->type->kind};
    head_write(&w, item);
    if (w.kind == RDB_KIND_MODULE) {
        uint64_t id = 0;
        if (!dump_input_number(r, &id, e)) return false;
        (void)fprintf(out, ",\"module\":\"%s\"", rdb_module_name_of(id).text);
    }
    rdb_decoder_begin(d, item->type);
    bool done = value_write(&w, r, d, e);
    if (w.expiries) (void)fclose(w.expiries); /* it is deleted with that */
    if (done) (void)fputs("}\n", out);
    return done;
}
