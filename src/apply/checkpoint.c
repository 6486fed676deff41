#include "apply/checkpoint.h"

#include "engine/bookkeeping.h"

bool checkpoint_write(const checkpoint *c, buf *out)
{
    if (!c->in_snapshot) {
        return buf_printf(out, "v1 generation=%" PRIu64 " stream offset=%" PRIu64 " db=%u",
                          c->generation, c->offset, c->db);
    }
    return buf_printf(out, "v1 generation=%" PRIu64 " snapshot offset=%" PRIu64 " db=%u",
                      c->generation, c->offset, c->db) &&
           (c->stream_db == 0 || buf_printf(out, " stream_db=%u", c->stream_db)) &&
           buf_printf(out, " crc=%" PRIu64 " keys=%d rdb=%u", c->crc, c->reconcile, c->rdb_version);
}

/* "name=123" */
static bool number_read(span *rest, const char *name, uint64_t max, uint64_t *ret)
{
    span part;
    return span_cut(rest, ' ', &part) && span_starts(part, name) &&
           span_to_u64(span_tail(part, strlen(name)), ret) && *ret <= max;
}

bool checkpoint_read(span text, checkpoint *ret, err *e)
{
    checkpoint c = {0};
    span rest = text;
    span word;
    uint64_t db = 0;
    uint64_t keys = 0;
    uint64_t rdb = 0;
    uint64_t stream_db = 0;
    bool good = span_cut(&rest, ' ', &word) && span_is(word, "v1") &&
                number_read(&rest, "generation=", UINT64_MAX, &c.generation) &&
                span_cut(&rest, ' ', &word) &&
                number_read(&rest, "offset=", INT64_MAX, &c.offset) &&
                number_read(&rest, "db=", UINT16_MAX, &db);
    c.in_snapshot = good && span_is(word, "snapshot");
    good = good && (c.in_snapshot || span_is(word, "stream"));
    if (c.in_snapshot && span_starts(rest, "stream_db="))
        good = good && number_read(&rest, "stream_db=", UINT16_MAX, &stream_db);
    if (c.in_snapshot) {
        good = good && number_read(&rest, "crc=", UINT64_MAX, &c.crc) &&
               number_read(&rest, "keys=", 1, &keys) && number_read(&rest, "rdb=", 9999, &rdb);
    }
    if (!good || rest.size > 0) {
        return err_set(e, ERR_FORMAT, "the checkpoint on the target reads '%s'",
                       span_show(text).text);
    }
    c.db = (unsigned)db;
    c.reconcile = keys == 1;
    c.rdb_version = (unsigned)rdb;
    c.stream_db = (unsigned)stream_db;
    *ret = c;
    return true;
}

checkpoint_key checkpoint_key_of(const char *link_id)
{
    checkpoint_key key;
    (void)snprintf(key.text, sizeof key.text, BOOKKEEPING_PREFIX "checkpoint:%s", link_id);
    return key;
}
