#include "rdb/file.h"

void rdb_reader_init(rdb_reader *r)
{
    *r = (rdb_reader){.name = buf_of(RDB_KEY_MAX)};
    rdb_gather_init(&r->string, RDB_KEY_MAX);
}

void rdb_reader_resume(rdb_reader *r, uint16_t version, uint32_t db)
{
    rdb_reader_init(r);
    r->state = RDB_READER_OPCODE;
    r->item.version = version;
    r->item.is_valkey = version >= RDB_VERSION_VALKEY_MIN;
    r->item.db = db;
}

void rdb_reader_clear(rdb_reader *r)
{
    rdb_gather_clear(&r->string);
    buf_clear(&r->name);
}

static void item_begin(rdb_reader *r, uint64_t offset)
{
    r->item = (rdb_item){
        .offset = offset,
        .db = r->item.db,
        .version = r->item.version,
        .is_valkey = r->item.is_valkey,
        .expires_at_ms = -1,
        .idle_s = -1,
        .frequency = -1,
    };
    r->begun = true;
}

static step item_done(rdb_reader *r, rdb_item_kind kind, rdb_item *ret)
{
    r->item.kind = kind;
    r->begun = false;
    r->state = kind == RDB_ITEM_END ? RDB_READER_ENDED : RDB_READER_OPCODE;
    *ret = r->item;
    return STEP_DONE;
}

/* The common item in one go: a key of less than 64 bytes with nothing in front of it, wholly in
 * the window. Everything else, also what is wrong, goes the long way. */
static bool plain_key_read(const rdb_reader *r, cursor *in, rdb_item *ret)
{
    size_t left = cursor_left(in);
    if (r->state != RDB_READER_OPCODE || r->begun || left < 2) return false;
    size_t size = in->at[1];
    if (size >= 0x40 || size > left - 2) return false;
    const rdb_type *type = rdb_type_find(in->at[0], r->item.version);
    if (!type || !type->grammar) return false;
    *ret = (rdb_item){
        .kind = RDB_ITEM_KEY,
        .offset = in->offset,
        .db = r->item.db,
        .version = r->item.version,
        .is_valkey = r->item.is_valkey,
        .key = span_of(in->at + 2, size),
        .type = type,
        .expires_at_ms = -1,
        .idle_s = -1,
        .frequency = -1,
    };
    in->at += 2 + size;
    in->offset += 2 + size;
    return true;
}

static step header_read(rdb_reader *r, cursor *in, rdb_item *ret, err *e)
{
    cursor c = *in;
    span magic;
    if (!cursor_take(&c, RDB_HEADER_SIZE, &magic)) return STEP_MORE;
    bool is_valkey = span_starts(magic, "VALKEY");
    if (!is_valkey && !span_starts(magic, "REDIS")) {
        return err_at(e, ERR_FORMAT, in->offset, "no RDB file: it begins with '%s'",
                      span_show(magic).text);
    }
    span digits = span_tail(magic, is_valkey ? 6 : 5);
    uint64_t version = 0;
    uint64_t min = is_valkey ? RDB_VERSION_VALKEY_MIN : 1;
    uint64_t max = is_valkey ? RDB_VERSION_VALKEY_MAX : RDB_VERSION_REDIS_MAX;
    if (!span_to_u64(digits, &version) || version < min || version > max) {
        return err_at(e, ERR_FORMAT, in->offset,
                      "RDB version '%s', known are %" PRIu64 " to %" PRIu64, span_show(magic).text,
                      min, max);
    }
    item_begin(r, in->offset);
    r->item.version = (uint16_t)version;
    r->item.is_valkey = is_valkey;
    *in = c;
    return item_done(r, RDB_ITEM_HEADER, ret);
}

static step end_read(rdb_reader *r, cursor *in, rdb_item *ret)
{
    cursor c = *in;
    if (r->item.version >= 5) { /* older files end with the opcode */
        if (!cursor_le(&c, RDB_CHECKSUM_SIZE, &r->item.checksum)) return STEP_MORE;
        r->item.checksum_size = RDB_CHECKSUM_SIZE;
    }
    *in = c;
    return item_done(r, RDB_ITEM_END, ret);
}

static step select_read(rdb_reader *r, cursor *in, rdb_item *ret, err *e)
{
    uint64_t db = 0;
    step s = rdb_number_read(in, RDB_DB_MAX, &db, e);
    if (s != STEP_DONE) return s;
    r->item.db = (uint32_t)db;
    return item_done(r, RDB_ITEM_SELECT, ret);
}

static step hints_read(rdb_reader *r, cursor *in, rdb_item_kind kind, rdb_item *ret, err *e)
{
    step s = STEP_DONE;
    if (kind == RDB_ITEM_SLOT_INFO) s = rdb_number_read(in, UINT16_MAX, &r->item.slot, e);
    if (s == STEP_DONE) s = rdb_number_read(in, UINT64_MAX, &r->item.key_count, e);
    if (s == STEP_DONE) s = rdb_number_read(in, UINT64_MAX, &r->item.expire_count, e);
    return s == STEP_DONE ? item_done(r, kind, ret) : s;
}

static step module_begin(rdb_reader *r, cursor *in, err *e)
{
    step s = rdb_number_read(in, UINT64_MAX, &r->item.module_id, e);
    if (s != STEP_DONE) return s;
    /* When it was saved, as opcode and number; then the data up to the end mark. */
    rdb_walk_begin_grammar(&r->walk, "nn*");
    r->state = RDB_READER_MODULE;
    return STEP_DONE;
}

/* What stands in front of a key and belongs to it. */
static step expiry_read(rdb_reader *r, cursor *in, uint8_t op, err *e)
{
    uint64_t bits = 0;
    size_t size = op == RDB_OP_EXPIRE_MS ? 8 : 4;
    if (!cursor_le(in, size, &bits)) return STEP_MORE;
    int64_t value = op == RDB_OP_EXPIRE_MS ? (int64_t)bits : (int64_t)(int32_t)bits * 1000;
    if (value < 0) return err_at(e, ERR_FORMAT, in->offset - size, "expiry %" PRId64 " ms", value);
    r->item.expires_at_ms = value;
    return STEP_DONE;
}

static step usage_read(rdb_reader *r, cursor *in, uint8_t op, err *e)
{
    uint64_t idle = 0;
    uint8_t frequency = 0;
    if (op == RDB_OP_FREQ) {
        if (!cursor_u8(in, &frequency)) return STEP_MORE;
        r->item.frequency = frequency;
        return STEP_DONE;
    }
    step s = rdb_number_read(in, INT64_MAX, &idle, e);
    if (s == STEP_DONE) r->item.idle_s = (int64_t)idle;
    return s;
}

static step key_begin(rdb_reader *r, uint8_t number, uint64_t offset, err *e)
{
    r->item.type = rdb_type_readable(number, r->item.version, offset, e);
    if (!r->item.type) return STEP_BAD;
    r->state = RDB_READER_KEY;
    return STEP_DONE;
}

/* An opcode is eaten together with its fixed fields; strings and keys have a state of their own.
 * ret_item: an item is complete; else the next state goes on. */
static step opcode_read(rdb_reader *r, cursor *in, rdb_item *ret, bool *ret_item, err *e)
{
    cursor c = *in;
    uint8_t op = 0;
    if (!cursor_u8(&c, &op)) return STEP_MORE;
    if (!r->begun) item_begin(r, in->offset);
    step s = STEP_DONE;
    bool item = false;
    switch (op) {
    case RDB_OP_AUX:
        r->state = RDB_READER_AUX_KEY;
        break;
    case RDB_OP_FUNCTION:
        r->state = RDB_READER_FUNCTION;
        break;
    case RDB_OP_MODULE_AUX:
        s = module_begin(r, &c, e);
        break;
    case RDB_OP_EXPIRE_MS:
    case RDB_OP_EXPIRE_S:
        s = expiry_read(r, &c, op, e);
        break;
    case RDB_OP_IDLE:
    case RDB_OP_FREQ:
        s = usage_read(r, &c, op, e);
        break;
    case RDB_OP_SELECT:
        s = select_read(r, &c, ret, e);
        item = true;
        break;
    case RDB_OP_RESIZE:
    case RDB_OP_SLOT_INFO:
        s = hints_read(r, &c, op == RDB_OP_RESIZE ? RDB_ITEM_RESIZE : RDB_ITEM_SLOT_INFO, ret, e);
        item = true;
        break;
    case RDB_OP_END:
        s = end_read(r, &c, ret);
        item = true;
        break;
    default:
        s = key_begin(r, op, in->offset, e);
    }
    if (s != STEP_DONE) return s;
    *ret_item = item;
    *in = c;
    return STEP_DONE;
}

/* The name outlives the window while the value is read. */
static step aux_key_read(rdb_reader *r, cursor *in, err *e)
{
    span name;
    step s = rdb_gather_read(&r->string, in, &name, e);
    if (s != STEP_DONE) return s;
    r->name.size = 0;
    bool fits = buf_append(&r->name, name);
    assert(fits);
    r->state = RDB_READER_AUX_VALUE;
    return STEP_DONE;
}

step rdb_next(rdb_reader *r, cursor *in, rdb_item *ret, err *e)
{
    if (plain_key_read(r, in, ret)) return STEP_DONE;
    for (;;) {
        step s = STEP_DONE;
        bool item = false;
        switch (r->state) {
        case RDB_READER_HEADER:
            return header_read(r, in, ret, e);
        case RDB_READER_OPCODE:
            s = opcode_read(r, in, ret, &item, e);
            if (item) return s;
            break;
        case RDB_READER_AUX_KEY:
            s = aux_key_read(r, in, e);
            break;
        case RDB_READER_AUX_VALUE:
            s = rdb_gather_read(&r->string, in, &r->item.value, e);
            r->item.key = buf_span(&r->name);
            if (s == STEP_DONE) return item_done(r, RDB_ITEM_AUX, ret);
            break;
        case RDB_READER_FUNCTION:
            s = rdb_gather_read(&r->string, in, &r->item.value, e);
            if (s == STEP_DONE) return item_done(r, RDB_ITEM_FUNCTION, ret);
            break;
        case RDB_READER_MODULE:
            s = rdb_walk_step(&r->walk, in, e);
            if (s == STEP_DONE) return item_done(r, RDB_ITEM_MODULE_AUX, ret);
            break;
        case RDB_READER_KEY:
            s = rdb_gather_read(&r->string, in, &r->item.key, e);
            if (s == STEP_DONE) return item_done(r, RDB_ITEM_KEY, ret);
            break;
        case RDB_READER_ENDED:
            return err_at(e, ERR_STATE, in->offset, "the RDB file has ended");
        }
        if (s != STEP_DONE) return s;
    }
}

bool rdb_checksum_check(const rdb_item *end, uint64_t crc, err *e)
{
    assert(end->kind == RDB_ITEM_END);
    if (end->checksum == 0 || end->checksum == crc) return true; /* 0: rdbchecksum no */
    return err_set(e, ERR_FORMAT,
                   "checksum of the RDB file: %016" PRIx64 ", its bytes make %016" PRIx64,
                   end->checksum, crc);
}
