#include "rdb/digest.h"

#include <xxhash.h>

#include "base/mem.h"
#include "rdb/payload.h"

typedef struct {
    rdb_digest sum; /* commutative, or the chain of what came before */
    uint64_t count;
} accumulator;

struct rdb_digester {
    rdb_digest_options options;
    struct rdb_decoder *decoder;
    XXH3_state_t *pieces; /* of a string or a module value */
    rdb_kind kind;
    accumulator elements;
    rdb_stream_id last;
    /* A stream entry whose fields are coming. */
    bool in_entry;
    rdb_stream_id entry;
    accumulator fields;
    /* A group whose pending entries are coming. */
    bool in_group;
    rdb_digest group_name;
    rdb_stream_id group_last;
    accumulator pending;
    accumulator groups;
};

struct rdb_digester *rdb_digester_new(const rdb_digest_options *options)
{
    struct rdb_digester *d = mem_alloc(sizeof *d);
    d->options = *options;
    d->decoder = rdb_decoder_new(&options->limits);
    d->pieces = XXH3_createState();
    if (!d->pieces) abort();
    return d;
}

void rdb_digester_free(struct rdb_digester *d)
{
    if (!d) return;
    rdb_decoder_free(d->decoder);
    (void)XXH3_freeState(d->pieces); /* always answers XXH_OK */
    free(d);
}

static rdb_digest digest_of(XXH128_hash_t hash)
{
    return (rdb_digest){.low = hash.low64, .high = hash.high64};
}

static rdb_digest bytes_hash(span s)
{
    return digest_of(XXH3_128bits(s.at, s.size));
}

/* Everything composed is a row of numbers, hashed at once: the hash of a text stands for it. */
#define ROW_HASH(...)                                                                              \
    digest_of(                                                                                     \
        XXH3_128bits((const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__})))

static void sum_add(accumulator *a, rdb_digest d)
{
    a->sum.high += d.high + __builtin_add_overflow(a->sum.low, d.low, &a->sum.low);
    a->count++;
}

static void chain_add(accumulator *a, rdb_digest d)
{
    a->sum = ROW_HASH(a->sum.low, a->sum.high, d.low, d.high);
    a->count++;
}

void rdb_digest_begin(struct rdb_digester *d, rdb_kind kind)
{
    d->kind = kind;
    d->elements = (accumulator){0};
    d->last = (rdb_stream_id){0};
    d->in_entry = false;
    d->in_group = false;
    d->groups = (accumulator){0};
}

static void entry_close(struct rdb_digester *d)
{
    if (!d->in_entry) return;
    d->in_entry = false;
    chain_add(&d->elements, ROW_HASH(d->entry.ms, d->entry.seq, d->fields.sum.low,
                                     d->fields.sum.high, d->fields.count));
}

static void group_close(struct rdb_digester *d)
{
    if (!d->in_group) return;
    d->in_group = false;
    sum_add(&d->groups,
            ROW_HASH(d->group_name.low, d->group_name.high, d->group_last.ms, d->group_last.seq,
                     d->pending.sum.low, d->pending.sum.high, d->pending.count));
}

/* The first piece resets the state; a string in one piece is the common case but no special one:
 * the digest of the pieces is that of the whole. */
static void piece_add(struct rdb_digester *d, span piece)
{
    if (d->elements.count++ == 0) (void)XXH3_128bits_reset(d->pieces); /* fails for NULL only */
    if (piece.size) (void)XXH3_128bits_update(d->pieces, piece.at, piece.size);
}

static uint64_t score_bits(double score)
{
    if (score == 0) score = 0; /* one zero */
    uint64_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits;
}

static rdb_digest field_hash(const struct rdb_digester *d, const rdb_element *element)
{
    rdb_digest name = bytes_hash(element->text);
    rdb_digest value = bytes_hash(element->value);
    int64_t expiry = element->expires_at_ms;
    int64_t hold = d->options.expiry_hold_ms;
    if (hold > 0 && expiry >= hold) expiry -= hold;
    return ROW_HASH(name.low, name.high, value.low, value.high, (uint64_t)expiry);
}

static rdb_digest pair_hash(const rdb_element *element)
{
    rdb_digest name = bytes_hash(element->text);
    rdb_digest value = bytes_hash(element->value);
    return ROW_HASH(name.low, name.high, value.low, value.high);
}

static void stream_feed(struct rdb_digester *d, const rdb_element *element)
{
    rdb_digest text;
    if (element->kind == RDB_ELEMENT_ENTRY_FIELD) {
        chain_add(&d->fields, pair_hash(element));
        return;
    }
    entry_close(d);
    if (element->kind == RDB_ELEMENT_ENTRY) {
        d->in_entry = true;
        d->entry = element->id;
        d->fields = (accumulator){0};
    } else if (element->kind == RDB_ELEMENT_STREAM) {
        d->last = element->stream.last;
    } else if (element->kind == RDB_ELEMENT_GROUP) {
        group_close(d);
        d->in_group = true;
        d->group_name = bytes_hash(element->text);
        d->group_last = element->id;
        d->pending = (accumulator){0};
    } else if (element->kind == RDB_ELEMENT_PENDING) {
        assert(d->in_group);
        text = bytes_hash(element->text);
        sum_add(&d->pending, ROW_HASH(element->id.ms, element->id.seq, text.low, text.high,
                                      (uint64_t)element->delivered_ms, element->count));
    }
}

void rdb_digest_feed(struct rdb_digester *d, const rdb_element *element)
{
    rdb_digest text;
    switch (element->kind) {
    case RDB_ELEMENT_PIECE:
    case RDB_ELEMENT_MODULE:
        piece_add(d, element->text);
        break;
    case RDB_ELEMENT_ITEM:
        chain_add(&d->elements, bytes_hash(element->text));
        break;
    case RDB_ELEMENT_MEMBER:
        /* Through a row once more: sums of plain hashes would be the sums of another type. */
        text = bytes_hash(element->text);
        sum_add(&d->elements, ROW_HASH(text.low, text.high));
        break;
    case RDB_ELEMENT_SCORED:
        text = bytes_hash(element->text);
        sum_add(&d->elements, ROW_HASH(text.low, text.high, score_bits(element->score)));
        break;
    case RDB_ELEMENT_FIELD:
        sum_add(&d->elements, field_hash(d, element));
        break;
    case RDB_ELEMENT_ENTRY:
    case RDB_ELEMENT_ENTRY_FIELD:
    case RDB_ELEMENT_STREAM:
    case RDB_ELEMENT_GROUP:
    case RDB_ELEMENT_PENDING:
        stream_feed(d, element);
        break;
    case RDB_ELEMENT_CONSUMER:
    case RDB_ELEMENT_END:
        break;
    }
}

rdb_digest rdb_digest_end(struct rdb_digester *d)
{
    entry_close(d);
    group_close(d);
    bool in_pieces = d->kind == RDB_KIND_STRING || d->kind == RDB_KIND_MODULE;
    if (in_pieces) {
        if (d->elements.count == 0) piece_add(d, (span){0});
        d->elements = (accumulator){.sum = digest_of(XXH3_128bits_digest(d->pieces))};
    }
    return ROW_HASH((uint64_t)d->kind, d->elements.sum.low, d->elements.sum.high, d->elements.count,
                    d->last.ms, d->last.seq, d->groups.sum.low, d->groups.sum.high,
                    d->groups.count);
}

bool rdb_digest_payload(
    struct rdb_digester *d, span payload, rdb_digest *ret, rdb_kind *ret_kind, err *e)
{
    rdb_payload open;
    if (!rdb_payload_open(payload, &open, e)) return false;
    rdb_decoder_begin(d->decoder, open.type);
    rdb_digest_begin(d, open.type->kind);
    cursor in = cursor_of(open.value);
    rdb_element element = {0};
    do {
        step s = rdb_decode_next(d->decoder, &in, &element, e);
        if (s == STEP_BAD) return err_wrap(e, "payload");
        if (s == STEP_MORE)
            return err_set(e, ERR_FORMAT, "payload of a %s: it is cut off", open.type->name);
        rdb_digest_feed(d, &element);
    } while (element.kind != RDB_ELEMENT_END);
    if (cursor_left(&in) > 0) {
        return err_set(e, ERR_FORMAT, "payload of a %s: %zu bytes behind the value",
                       open.type->name, cursor_left(&in));
    }
    *ret = rdb_digest_end(d);
    if (ret_kind) *ret_kind = open.type->kind;
    return true;
}
