#include "rdb/decode_internal.h"

enum { ENTRY_DELETED = 1, ENTRY_SAME_FIELDS = 2 };

rdb_stream_id stream_id_read(const uint8_t *at)
{
    cursor c = cursor_of(span_of(at, 16));
    rdb_stream_id id = {0};
    bool here = cursor_be(&c, 8, &id.ms) && cursor_be(&c, 8, &id.seq);
    assert(here);
    return id;
}

static bool value_next(struct rdb_decoder *d, rdb_pack *p, rdb_packed *ret, err *e)
{
    switch (rdb_pack_next(p, d->blob, ret, e)) {
    case PACKED_VALUE:
        return true;
    case PACKED_END:
        return err_set(e, ERR_FORMAT, "a stream node ends inside an entry");
    case PACKED_BAD:
        break;
    }
    return false;
}

static bool number_next(struct rdb_decoder *d, int64_t *ret, err *e)
{
    rdb_packed value;
    if (!value_next(d, &d->pack, &value, e)) return false;
    if (!value.is_number)
        return err_set(e, ERR_FORMAT, "a text instead of a number in a stream node");
    *ret = value.number;
    return true;
}

static bool count_next(struct rdb_decoder *d, uint64_t *ret, err *e)
{
    int64_t number = 0;
    if (!number_next(d, &number, e)) return false;
    /* A value takes two bytes at least, so no count is larger than the blob. */
    if (number < 0 || (uint64_t)number > d->blob.size)
        return err_set(e, ERR_FORMAT, "a count of %" PRId64 " in a stream node", number);
    *ret = (uint64_t)number;
    return true;
}

bool node_open(struct rdb_decoder *d, err *e)
{
    node_state *n = &d->node;
    *n = (node_state){.base = n->base};
    if (!rdb_pack_open(&d->pack, d->type->blob, d->blob, e)) return false;
    if (!count_next(d, &n->live, e) || !count_next(d, &n->deleted, e) ||
        !count_next(d, &n->names, e))
        return false;
    n->first_name = d->pack;
    rdb_packed name;
    for (uint64_t i = 0; i < n->names; i++)
        if (!value_next(d, &d->pack, &name, e)) return false;
    int64_t end = 0;
    if (!number_next(d, &end, e)) return false;
    if (end != 0) return err_set(e, ERR_FORMAT, "the first entry of a stream node does not end");
    return true;
}

/* An entry is: flags, ms and seq behind the node's id, field count when the fields are its own,
 * the fields, and how many values it has been. */
static bool entry_open(struct rdb_decoder *d, rdb_element *ret, bool *ret_deleted, err *e)
{
    node_state *n = &d->node;
    int64_t flags = 0;
    int64_t ms = 0;
    int64_t seq = 0;
    if (!number_next(d, &flags, e) || !number_next(d, &ms, e) || !number_next(d, &seq, e))
        return false;
    n->same_fields = flags & ENTRY_SAME_FIELDS;
    n->fields = n->names;
    n->name = n->first_name;
    if (!n->same_fields && !count_next(d, &n->fields, e)) return false;
    n->fields_left = n->fields;
    *ret_deleted = flags & ENTRY_DELETED;
    uint64_t *owed = *ret_deleted ? &n->deleted : &n->live;
    if (*owed == 0) {
        return err_set(e, ERR_FORMAT, "a stream node has more %sentries than it says",
                       *ret_deleted ? "deleted " : "");
    }
    --*owed;
    n->in_entry = true;
    *ret = (rdb_element){
        .kind = RDB_ELEMENT_ENTRY,
        .id = {.ms = n->base.ms + (uint64_t)ms, .seq = n->base.seq + (uint64_t)seq},
        .count = n->fields,
    };
    return true;
}

static bool entry_close(struct rdb_decoder *d, err *e)
{
    node_state *n = &d->node;
    int64_t values = 0;
    if (!number_next(d, &values, e)) return false;
    uint64_t want = n->same_fields ? 3 + n->fields : 4 + 2 * n->fields;
    if (values < 0 || (uint64_t)values != want)
        return err_set(e, ERR_FORMAT, "an entry of a stream node has a wrong length");
    n->in_entry = false;
    return true;
}

static bool entry_field(struct rdb_decoder *d, rdb_element *ret, err *e)
{
    node_state *n = &d->node;
    rdb_packed name;
    rdb_packed value;
    if (!value_next(d, n->same_fields ? &n->name : &d->pack, &name, e)) return false;
    if (!value_next(d, &d->pack, &value, e)) return false;
    n->fields_left--;
    *ret = (rdb_element){
        .kind = RDB_ELEMENT_ENTRY_FIELD,
        .text = packed_text(&name, &d->text_number),
        .value = packed_text(&value, &d->value_number),
    };
    return true;
}

static bool node_close(struct rdb_decoder *d, bool *ret_done, err *e)
{
    rdb_packed extra;
    packed_step s = rdb_pack_next(&d->pack, d->blob, &extra, e);
    if (s == PACKED_BAD) return false;
    if (s == PACKED_VALUE) return err_set(e, ERR_FORMAT, "a stream node has more than its entries");
    *ret_done = true;
    return true;
}

bool node_next(struct rdb_decoder *d, rdb_element *ret, bool *ret_done, err *e)
{
    node_state *n = &d->node;
    for (;;) {
        if (n->in_entry && n->fields_left > 0) return entry_field(d, ret, e);
        if (n->in_entry && !entry_close(d, e)) return false;
        if (n->live == 0 && n->deleted == 0) return node_close(d, ret_done, e);
        rdb_element entry;
        bool is_deleted = false;
        if (!entry_open(d, &entry, &is_deleted, e)) return false;
        if (!is_deleted) {
            d->entries_seen++;
            *ret = entry;
            return true;
        }
        rdb_element skipped;
        while (n->fields_left > 0)
            if (!entry_field(d, &skipped, e)) return false;
    }
}

step pending_add(struct rdb_decoder *d, const rdb_pending_row *row, uint64_t offset, err *e)
{
    if (rdb_pending_add(&d->pending, row, e)) return STEP_DONE;
    (void)err_wrap(e, "offset %" PRIu64, offset);
    return STEP_BAD;
}

step pending_own(struct rdb_decoder *d, rdb_stream_id id, uint64_t offset, rdb_element *ret, err *e)
{
    rdb_pending_row row = {0};
    switch (rdb_pending_take(&d->pending, id, &row)) {
    case PENDING_UNKNOWN:
        return err_at(e, ERR_FORMAT, offset,
                      "a consumer's pending entry %" PRIu64 "-%" PRIu64 " is not in its group",
                      id.ms, id.seq);
    case PENDING_TAKEN:
        return err_at(e, ERR_FORMAT, offset,
                      "pending entry %" PRIu64 "-%" PRIu64 " has two consumers", id.ms, id.seq);
    case PENDING_FOUND:
        break;
    }
    *ret = (rdb_element){
        .kind = RDB_ELEMENT_PENDING,
        .text = d->text,
        .id = id,
        .delivered_ms = row.delivered_ms,
        .count = row.deliveries,
    };
    return STEP_DONE;
}

step pending_close(struct rdb_decoder *d, uint64_t offset, err *e)
{
    size_t left = d->pending.count - d->pending.owned_count;
    if (left > 0) {
        return err_at(e, ERR_FORMAT, offset, "%zu pending entries of a group have no consumer",
                      left);
    }
    rdb_pending_empty(&d->pending);
    return STEP_DONE;
}
