#include "base/clock.h"
#include "dump/input.h"
#include "inspect/inspect.h"
#include "inspect/keys_json.h"

/* One line for people: database, type, encoding, bytes in the file, expiry, name. */
static bool key_text(dump_input *r, const rdb_item *item, FILE *out, err *e)
{
    uint64_t bytes = 0;
    if (!dump_input_skip(r, &bytes, e)) return false;
    bool expires = item->expires_at_ms >= 0;
    (void)fprintf(out, "%-4" PRIu32 " %-7s %-20s %12" PRIu64 "  %-20s  %s\n", item->db,
                  rdb_kind_name(item->type->kind), item->type->name, r->in.offset - item->offset,
                  expires ? clock_show(item->expires_at_ms).text : "-", span_show(item->key).text);
    return true;
}

static bool keys_write(dump_input *r, struct rdb_decoder *d, bool as_json, FILE *out, err *e)
{
    const rdb_item *item = NULL;
    for (;;) {
        if (!dump_input_next(r, &item, e)) return false;
        if (item->kind == RDB_ITEM_END) return true;
        if (item->kind != RDB_ITEM_KEY) continue;
        bool done = as_json ? keys_json_write(r, d, item, out, e) : key_text(r, item, out, e);
        if (!done) return false;
        if (ferror(out)) return err_set(e, ERR_IO, "the keys could not be written");
    }
}

bool inspect_keys(const char *path, bool as_json, FILE *out, err *e)
{
    dump_input r;
    if (!dump_input_open(&r, path, e)) return false;
    struct rdb_decoder *d = rdb_decoder_new(&RDB_DECODE_LIMITS_DEFAULT);
    bool done = keys_write(&r, d, as_json, out, e);
    rdb_decoder_free(d);
    dump_input_close(&r);
    return done;
}
