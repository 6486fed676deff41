#include "rdb/decode_internal.h"

#include <math.h>

span packed_text(const rdb_packed *value, rdb_decimal *number)
{
    if (!value->is_number) return value->text;
    rdb_decimal_write(value->number, number);
    return rdb_decimal_span(number);
}

bool blob_open(struct rdb_decoder *d, err *e)
{
    if (d->blob_is_plain) return true;
    if (d->type->kind == RDB_KIND_STREAM) return node_open(d, e);
    return rdb_pack_open(&d->pack, d->type->blob, d->blob, e);
}

static bool plain_next(struct rdb_decoder *d, rdb_element *ret, bool *ret_done)
{
    if (!d->blob.at) {
        *ret_done = true;
        return true;
    }
    *ret = (rdb_element){.kind = RDB_ELEMENT_ITEM, .text = d->blob};
    d->blob = (span){0};
    return true;
}

/* The next value of a record that has begun: there must be one. */
static bool value_next(struct rdb_decoder *d, rdb_packed *ret, err *e)
{
    switch (rdb_pack_next(&d->pack, d->blob, ret, e)) {
    case PACKED_VALUE:
        return true;
    case PACKED_END:
        return err_set(e, ERR_FORMAT, "the last value has no partner");
    case PACKED_BAD:
        break;
    }
    return false;
}

static bool score_of(const rdb_packed *value, double *ret, err *e)
{
    if (value->is_number) {
        *ret = (double)value->number;
        return true;
    }
    if (!span_to_double(value->text, ret) || isnan(*ret))
        return err_set(e, ERR_FORMAT, "score '%s' is no number", span_show(value->text).text);
    return true;
}

static bool scored_next(struct rdb_decoder *d, rdb_element *ret, err *e)
{
    rdb_packed score;
    ret->kind = RDB_ELEMENT_SCORED;
    return value_next(d, &score, e) && score_of(&score, &ret->score, e);
}

static bool field_next(struct rdb_decoder *d, rdb_element *ret, err *e)
{
    rdb_packed value;
    ret->kind = RDB_ELEMENT_FIELD;
    ret->expires_at_ms = -1;
    if (!value_next(d, &value, e)) return false;
    ret->value = packed_text(&value, &d->value_number);
    if (d->type->grammar[0] != 'B') return true;
    rdb_packed expiry; /* redis 7.4: the third value, 0 for never */
    if (!value_next(d, &expiry, e)) return false;
    if (!expiry.is_number || expiry.number < 0)
        return err_set(e, ERR_FORMAT, "the expiry of a field is no time");
    if (expiry.number > 0) ret->expires_at_ms = expiry.number;
    return true;
}

bool blob_next(struct rdb_decoder *d, rdb_element *ret, bool *ret_done, err *e)
{
    *ret_done = false;
    if (d->blob_is_plain) return plain_next(d, ret, ret_done);
    if (d->type->kind == RDB_KIND_STREAM) return node_next(d, ret, ret_done, e);
    rdb_packed first;
    packed_step s = rdb_pack_next(&d->pack, d->blob, &first, e);
    if (s == PACKED_BAD) return false;
    if (s == PACKED_END) {
        *ret_done = true;
        return true;
    }
    rdb_element element = {.text = packed_text(&first, &d->text_number)};
    bool good = true;
    if (d->type->kind == RDB_KIND_LIST) {
        element.kind = RDB_ELEMENT_ITEM;
    } else if (d->type->kind == RDB_KIND_SET) {
        element.kind = RDB_ELEMENT_MEMBER;
    } else if (d->type->kind == RDB_KIND_ZSET) {
        good = scored_next(d, &element, e);
    } else {
        assert(d->type->kind == RDB_KIND_HASH);
        good = field_next(d, &element, e);
    }
    if (good) *ret = element;
    return good;
}
