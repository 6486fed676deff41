#include "rdb/decode.h"

#include <math.h>

#include "base/mem.h"
#include "rdb/decode_internal.h"
#include "rdb/walk_internal.h"

struct rdb_decoder *rdb_decoder_new(const rdb_decode_limits *limits)
{
    struct rdb_decoder *d = mem_alloc(sizeof *d);
    d->limits = *limits;
    rdb_gather_init(&d->string, limits->blob_max);
    d->text_kept = buf_of(limits->blob_max);
    d->value_kept = buf_of(limits->blob_max);
    d->blob_kept = buf_of(limits->blob_max);
    rdb_pending_init(&d->pending, limits->pending_max);
    return d;
}

void rdb_decoder_free(struct rdb_decoder *d)
{
    if (!d) return;
    rdb_gather_clear(&d->string);
    buf_clear(&d->text_kept);
    buf_clear(&d->value_kept);
    buf_clear(&d->blob_kept);
    rdb_pending_clear(&d->pending);
    free(d);
}

void rdb_decoder_begin(struct rdb_decoder *d, const rdb_type *type)
{
    assert(type->grammar);
    d->type = type;
    rdb_walk_begin_grammar(&d->walk, type->grammar);
    d->mode = type->kind == RDB_KIND_MODULE ? DECODE_MODULE : DECODE_FIELDS;
    d->string.is_open = false;
    d->number_count = 0;
    d->record = (rdb_element){.expires_at_ms = -1};
    rdb_pending_empty(&d->pending);
    d->entries_seen = 0;
    d->blob_is_plain = false;
    d->piece_left = 0;
}

/* Behind the letter the record goes on, so its strings must outlive the window. */
static bool record_goes_on(const struct rdb_decoder *d)
{
    char next = d->walk.at[1];
    return next != ')' && next != '\0' && next != 'l';
}

/* A copy in `kept`. What was gathered may be there already; one copy more is not worth a case. */
static span keep(buf *kept, span s)
{
    kept->size = 0;
    buf_shrink(kept, MIB);
    bool fits = buf_append(kept, s);
    assert(fits); /* all buffers here have the limit the string was held to */
    return buf_span(kept);
}

static step blob_begin(struct rdb_decoder *d, span blob, uint64_t offset, err *e)
{
    d->blob = keep(&d->blob_kept, blob);
    d->blob_offset = offset;
    d->mode = DECODE_BLOB;
    if (blob.size == 0)
        return err_at(e, ERR_FORMAT, offset, "an empty blob in a %s", d->type->name);
    if (blob_open(d, e)) return STEP_DONE;
    (void)err_wrap(e, "%s, blob that ends at offset %" PRIu64, d->type->name, offset);
    return STEP_BAD;
}

static step string_letter(struct rdb_decoder *d, cursor *in, err *e)
{
    span s;
    step got = rdb_gather_read(&d->string, in, &s, e);
    if (got != STEP_DONE) return got;
    char letter = *d->walk.at;
    if (letter == 'b') return blob_begin(d, s, in->offset, e);
    if (letter == 'k') {
        if (s.size != 16)
            return err_at(e, ERR_FORMAT, in->offset, "a stream node id of %zu bytes", s.size);
        d->node.base = stream_id_read(s.at);
    } else if (letter == 'x') {
        return STEP_DONE;
    } else if (letter == 'v') {
        d->value = record_goes_on(d) ? keep(&d->value_kept, s) : s;
    } else {
        d->text = record_goes_on(d) ? keep(&d->text_kept, s) : s;
    }
    return STEP_DONE;
}

static step number_letter(struct rdb_decoder *d, cursor *in, err *e)
{
    uint64_t number = 0;
    uint64_t begin = in->offset;
    step s = rdb_number_read(in, UINT64_MAX, &number, e);
    if (s != STEP_DONE) return s;
    char letter = *d->walk.at;
    if (letter == 'y') return STEP_DONE;
    if (letter == 'q') {
        if (number != 1 && number != 2)
            return err_at(e, ERR_FORMAT, begin, "no quicklist container %" PRIu64, number);
        d->blob_is_plain = number == 1;
    } else if (letter == 't') {
        bool never = number == 0;
        d->record.expires_at_ms = never ? -1 : (int64_t)(d->shortest_expiry + number - 1);
        if (!never && d->record.expires_at_ms < 0)
            return err_at(e, ERR_FORMAT, begin, "the expiry of a field is no time");
    } else {
        assert(d->number_count < NUMBERS_MAX);
        d->numbers[d->number_count++] = number;
    }
    return STEP_DONE;
}

static step eight_letter(struct rdb_decoder *d, cursor *in, err *e)
{
    uint64_t begin = in->offset;
    uint64_t bits = 0;
    if (!cursor_le(in, 8, &bits)) return STEP_MORE;
    switch (*d->walk.at) {
    case 'D':
        memcpy(&d->record.score, &bits, sizeof bits);
        if (isnan(d->record.score))
            return err_at(e, ERR_FORMAT, begin, "a score that is no number");
        break;
    case 'X':
        d->record.expires_at_ms = (int64_t)bits;
        if (d->record.expires_at_ms < -1)
            return err_at(e, ERR_FORMAT, begin, "the expiry of a field is no time");
        break;
    case 'B':
        d->shortest_expiry = bits;
        break;
    case 'T':
        d->record.delivered_ms = (int64_t)bits;
        break;
    case 'S':
        d->record.seen_ms = (int64_t)bits;
        d->record.active_ms = (int64_t)bits; /* until 7.2 there was one time for both */
        break;
    case 'A':
        d->record.active_ms = (int64_t)bits;
        break;
    default:
        assert(false); /* every letter of 8 bytes has a role */
    }
    return STEP_DONE;
}

static step sixteen_letter(struct rdb_decoder *d, cursor *in)
{
    span raw;
    if (!cursor_take(in, 16, &raw)) return STEP_MORE;
    d->record.id = stream_id_read(raw.at);
    return STEP_DONE;
}

/* The engines print 17 digits; more would not fit the smallest window. */
#define SCORE_TEXT_MAX 48

static step ascii_letter(struct rdb_decoder *d, cursor *in, err *e)
{
    cursor c = *in;
    uint8_t size = 0;
    span digits;
    if (!cursor_u8(&c, &size)) return STEP_MORE;
    if (size >= 254) {
        d->record.score = size == 254 ? INFINITY : -INFINITY;
    } else {
        if (size != 253 && size > SCORE_TEXT_MAX)
            return err_at(e, ERR_FORMAT, in->offset, "a score of %u digits", size);
        if (size != 253 && !cursor_take(&c, size, &digits)) return STEP_MORE;
        if (size == 253 || !span_to_double(digits, &d->record.score) || isnan(d->record.score))
            return err_at(e, ERR_FORMAT, in->offset, "a score that is no number");
    }
    *in = c;
    return STEP_DONE;
}

static rdb_element stream_element(const struct rdb_decoder *d)
{
    rdb_element element = {.kind = RDB_ELEMENT_STREAM};
    const uint64_t *n = d->numbers;
    element.stream.length = n[0];
    element.stream.last = (rdb_stream_id){n[1], n[2]};
    element.stream.has_history = d->number_count == 8;
    if (element.stream.has_history) {
        element.stream.first = (rdb_stream_id){n[3], n[4]};
        element.stream.max_deleted = (rdb_stream_id){n[5], n[6]};
        element.stream.entries_added = n[7];
    } else {
        element.stream.entries_added = n[0]; /* what the engine takes when it loads one */
    }
    return element;
}

static rdb_element group_element(const struct rdb_decoder *d)
{
    return (rdb_element){
        .kind = RDB_ELEMENT_GROUP,
        .text = d->text,
        .id = {d->numbers[0], d->numbers[1]},
        .entries_read = d->number_count == 3 ? (int64_t)d->numbers[2] : -1,
    };
}

/* A record of a stream is complete; `letter` was its last. */
static step stream_record(
    struct rdb_decoder *d, char letter, uint64_t offset, rdb_element *ret, bool *ret_answer, err *e)
{
    *ret_answer = true;
    switch (letter) {
    case 'S':
    case 'A':
        *ret = d->record;
        ret->kind = RDB_ELEMENT_CONSUMER;
        ret->text = d->text;
        return STEP_DONE;
    case 'x':
    case 'y':
        *ret_answer = false;
        return STEP_DONE;
    case 'J':
        return pending_own(d, d->record.id, offset, ret, e);
    default:
        break;
    }
    if (d->walk.depth == 0) {
        *ret = stream_element(d);
        return STEP_DONE;
    }
    if (d->walk.depth == 1) {
        *ret = group_element(d);
        return STEP_DONE;
    }
    *ret_answer = false;
    rdb_pending_row row = {
        .id = d->record.id,
        .delivered_ms = d->record.delivered_ms,
        .deliveries = d->numbers[0],
    };
    return pending_add(d, &row, offset, e);
}

static step record_end(
    struct rdb_decoder *d, char letter, uint64_t offset, rdb_element *ret, bool *ret_answer, err *e)
{
    step s = STEP_DONE;
    if (d->type->kind == RDB_KIND_STREAM) {
        s = stream_record(d, letter, offset, ret, ret_answer, e);
    } else if (letter != 'b' && letter != 'B') {
        static const rdb_element_kind kinds[] = {
            [RDB_KIND_LIST] = RDB_ELEMENT_ITEM,
            [RDB_KIND_SET] = RDB_ELEMENT_MEMBER,
            [RDB_KIND_ZSET] = RDB_ELEMENT_SCORED,
            [RDB_KIND_HASH] = RDB_ELEMENT_FIELD,
        };
        assert((size_t)d->type->kind < COUNT_OF(kinds));
        *ret = d->record;
        ret->kind = kinds[d->type->kind];
        ret->text = d->text;
        ret->value = d->value;
        *ret_answer = true;
    }
    d->number_count = 0;
    d->record = (rdb_element){.expires_at_ms = -1};
    return s;
}

/* Reads the letter's field; the place in the grammar moves when it is complete. */
static step letter_read(struct rdb_decoder *d, cursor *in, err *e)
{
    switch (rdb_shape_of(*d->walk.at)) {
    case RDB_SHAPE_STRING:
        return string_letter(d, in, e);
    case RDB_SHAPE_NUMBER:
        return number_letter(d, in, e);
    case RDB_SHAPE_8:
        return eight_letter(d, in, e);
    case RDB_SHAPE_16:
        return sixteen_letter(d, in);
    case RDB_SHAPE_ASCII_DOUBLE:
        return ascii_letter(d, in, e);
    case RDB_SHAPE_MODULE:
    case RDB_SHAPE_COUNT:
    case RDB_SHAPE_CLOSE:
    case RDB_SHAPE_END:
        break;
    }
    assert(false); /* no field */
    return STEP_BAD;
}

/* The head of a string value; its bytes follow in pieces. */
static step pieces_begin(struct rdb_decoder *d, cursor *in, rdb_element *ret, err *e)
{
    rdb_string_head *head = &d->string.head;
    step s = rdb_string_head_read(in, (uint64_t)INT64_MAX, head, e);
    if (s != STEP_DONE) return s;
    d->walk.at++;
    if (head->form == RDB_STRING_NUMBER) {
        rdb_decimal_write(head->number, &d->text_number);
        head->size = d->text_number.size;
        *ret = (rdb_element){.kind = RDB_ELEMENT_PIECE, .text = rdb_decimal_span(&d->text_number)};
    } else if (head->size == 0 && head->stored == 0) {
        *ret = (rdb_element){.kind = RDB_ELEMENT_PIECE};
    } else {
        d->mode = DECODE_PIECES;
        d->piece_left = head->stored;
        if (head->form == RDB_STRING_LZF) lzf_stream_begin(&d->lzf, head->stored, head->size);
        return STEP_DONE;
    }
    ret->count = head->size;
    return STEP_DONE;
}

static step
pieces_next(struct rdb_decoder *d, cursor *in, rdb_element *ret, bool *ret_answer, err *e)
{
    const rdb_string_head *head = &d->string.head;
    span piece = {0};
    step s = STEP_DONE;
    if (head->form == RDB_STRING_LZF) {
        s = lzf_stream_next(&d->lzf, in, &piece, e);
    } else if (d->piece_left > 0) {
        size_t left = cursor_left(in);
        if (left == 0) return STEP_MORE;
        size_t take = d->piece_left < left ? (size_t)d->piece_left : left;
        bool taken = cursor_take(in, take, &piece);
        assert(taken);
        d->piece_left -= take;
    }
    if (s != STEP_DONE) return s;
    if (piece.size == 0) {
        d->mode = DECODE_FIELDS;
        return STEP_DONE;
    }
    *ret = (rdb_element){.kind = RDB_ELEMENT_PIECE, .text = piece, .count = head->size};
    *ret_answer = true;
    return STEP_DONE;
}

/* A module's value is passed on as it is: only the module knows what is in it. */
static step
module_next(struct rdb_decoder *d, cursor *in, rdb_element *ret, bool *ret_answer, err *e)
{
    const uint8_t *begin = in->at;
    if (*d->walk.at == '\0' && d->walk.skip == 0) {
        d->mode = DECODE_FIELDS;
        return STEP_DONE;
    }
    step s = rdb_walk_step(&d->walk, in, e);
    size_t eaten = (size_t)(in->at - begin);
    if (s == STEP_BAD || eaten == 0) return s;
    *ret = (rdb_element){.kind = RDB_ELEMENT_MODULE, .text = span_of(begin, eaten)};
    *ret_answer = true;
    return STEP_DONE;
}

static step blob_step(struct rdb_decoder *d, rdb_element *ret, bool *ret_answer, err *e)
{
    bool done = false;
    if (!blob_next(d, ret, &done, e)) {
        (void)err_wrap(e, "%s, blob that ends at offset %" PRIu64, d->type->name, d->blob_offset);
        return STEP_BAD;
    }
    *ret_answer = !done;
    if (!done) return STEP_DONE;
    d->mode = DECODE_FIELDS;
    d->walk.at++;
    return STEP_DONE;
}

static step
fields_next(struct rdb_decoder *d, cursor *in, rdb_element *ret, bool *ret_answer, err *e)
{
    char letter = *d->walk.at;
    uint64_t begin = in->offset;
    step s = STEP_DONE;
    switch (letter) {
    case '\0':
        *ret = (rdb_element){.kind = RDB_ELEMENT_END};
        *ret_answer = true;
        return STEP_DONE;
    case 'l':
        return rdb_walk_enter(&d->walk, in, e);
    case ')':
        if (d->walk.depth == 1 && d->type->kind == RDB_KIND_STREAM) s = pending_close(d, begin, e);
        if (s == STEP_DONE) rdb_walk_close(&d->walk);
        return s;
    case 's':
        s = pieces_begin(d, in, ret, e);
        *ret_answer = s == STEP_DONE && d->mode == DECODE_FIELDS;
        return s;
    default:
        break;
    }
    s = letter_read(d, in, e);
    if (s != STEP_DONE || d->mode == DECODE_BLOB) return s;
    bool goes_on = record_goes_on(d);
    d->walk.at++;
    return goes_on ? STEP_DONE : record_end(d, letter, begin, ret, ret_answer, e);
}

step rdb_decode_next(struct rdb_decoder *d, cursor *in, rdb_element *ret, err *e)
{
    for (;;) {
        bool answer = false;
        step s = STEP_DONE;
        switch (d->mode) {
        case DECODE_FIELDS:
            s = fields_next(d, in, ret, &answer, e);
            break;
        case DECODE_PIECES:
            s = pieces_next(d, in, ret, &answer, e);
            break;
        case DECODE_BLOB:
            s = blob_step(d, ret, &answer, e);
            break;
        case DECODE_MODULE:
            s = module_next(d, in, ret, &answer, e);
            break;
        }
        if (s != STEP_DONE || answer) return s;
    }
}
