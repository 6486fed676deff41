#include "rdb/walk.h"

#include "rdb/text.h"
#include "rdb/walk_internal.h"

bool rdb_walk_begin(rdb_walk *w, uint8_t type, err *e)
{
    const rdb_type *row = rdb_type_any(type);
    if (!row) return err_set(e, ERR_FORMAT, "no object type %u", type);
    if (!row->grammar)
        return err_set(e, ERR_FORMAT, "values of type %u (%s) cannot be read", type, row->name);
    rdb_walk_begin_grammar(w, row->grammar);
    return true;
}

void rdb_walk_begin_grammar(rdb_walk *w, const char *grammar)
{
    *w = (rdb_walk){.at = grammar};
}

/* Skips what is here; what is not is owed. */
static step skip_bytes(rdb_walk *w, cursor *c, uint64_t size)
{
    size_t left = cursor_left(c);
    size_t take = size < left ? (size_t)size : left;
    c->at += take;
    c->offset += take;
    w->skip = size - take;
    return w->skip ? STEP_MORE : STEP_DONE;
}

/* In front of the loop's body: behind its closing bracket. */
static const char *loop_end(const char *at)
{
    for (size_t open = 1; open > 0; at++) {
        assert(*at);
        if (*at == '(') open++;
        if (*at == ')') open--;
    }
    return at;
}

step rdb_walk_enter(rdb_walk *w, cursor *c, err *e)
{
    uint64_t count = 0;
    step s = rdb_number_read(c, UINT64_MAX, &count, e);
    if (s != STEP_DONE) return s;
    assert(w->at[1] == '(');
    if (count == 0) {
        w->at = loop_end(w->at + 2);
        return STEP_DONE;
    }
    assert(w->depth < RDB_NESTING_MAX);
    w->at += 2;
    w->loops[w->depth].begin = w->at;
    w->loops[w->depth].left = count;
    w->depth++;
    return STEP_DONE;
}

void rdb_walk_close(rdb_walk *w)
{
    assert(w->depth > 0);
    if (--w->loops[w->depth - 1].left > 0) {
        w->at = w->loops[w->depth - 1].begin;
        return;
    }
    w->depth--;
    w->at++;
}

static step walk_string(rdb_walk *w, cursor *c, err *e)
{
    rdb_string_head head;
    step s = rdb_string_head_read(c, UINT64_MAX, &head, e);
    if (s != STEP_DONE) return s;
    w->at++; /* the head is eaten; the bytes are owed from here on */
    return skip_bytes(w, c, head.stored);
}

static step walk_ascii_double(rdb_walk *w, cursor *in)
{
    cursor c = *in;
    uint8_t size = 0;
    if (!cursor_u8(&c, &size)) return STEP_MORE;
    w->at++;
    *in = c;
    return skip_bytes(w, in, size < 253 ? size : 0); /* 253 to 255: nan, inf, -inf */
}

static step walk_fixed(rdb_walk *w, cursor *c, size_t size)
{
    w->at++;
    return skip_bytes(w, c, size);
}

/* One field of a module's value; the end mark closes it. RDB_MODULE_OPCODE_* in valkey rdb.h. */
static step walk_module(rdb_walk *w, cursor *in, err *e)
{
    cursor c = *in;
    uint64_t opcode = 0;
    uint64_t number = 0;
    rdb_string_head head = {0};
    step s = rdb_number_read(&c, UINT64_MAX, &opcode, e);
    if (s != STEP_DONE) return s;
    switch (opcode) {
    case 0:
        w->at++;
        break;
    case 1:
    case 2:
        s = rdb_number_read(&c, UINT64_MAX, &number, e);
        break;
    case 3:
        head.stored = 4;
        break;
    case 4:
        head.stored = 8;
        break;
    case 5:
        s = rdb_string_head_read(&c, UINT64_MAX, &head, e);
        break;
    default:
        s = err_at(e, ERR_FORMAT, in->offset, "no module opcode %" PRIu64, opcode);
    }
    if (s != STEP_DONE) return s;
    *in = c;
    return skip_bytes(w, in, head.stored);
}

static step walk_number(rdb_walk *w, cursor *c, err *e)
{
    uint64_t number = 0;
    step s = rdb_number_read(c, UINT64_MAX, &number, e);
    if (s == STEP_DONE) w->at++;
    return s;
}

/* The common field: a raw string of less than 16 KiB that is wholly here. */
static inline bool walk_short_string(rdb_walk *w, cursor *c)
{
    size_t left = cursor_left(c);
    if (left < 2 || *c->at >= 0x80) return false;
    size_t size =
        *c->at < 0x40 ? 1 + (size_t)c->at[0] : 2 + ((size_t)(c->at[0] & 0x3f) << 8 | c->at[1]);
    if (size > left) return false;
    c->at += size;
    c->offset += size;
    w->at++;
    return true;
}

static step walk_fields(rdb_walk *w, cursor *c, err *e)
{
    for (;;) {
        step s = STEP_DONE;
        switch (rdb_shape_of(*w->at)) {
        case RDB_SHAPE_END:
            return STEP_DONE;
        case RDB_SHAPE_STRING:
            if (walk_short_string(w, c)) continue;
            s = walk_string(w, c, e);
            break;
        case RDB_SHAPE_NUMBER:
            s = walk_number(w, c, e);
            break;
        case RDB_SHAPE_8:
            s = walk_fixed(w, c, 8);
            break;
        case RDB_SHAPE_16:
            s = walk_fixed(w, c, 16);
            break;
        case RDB_SHAPE_ASCII_DOUBLE:
            s = walk_ascii_double(w, c);
            break;
        case RDB_SHAPE_MODULE:
            s = walk_module(w, c, e);
            break;
        case RDB_SHAPE_COUNT:
            s = rdb_walk_enter(w, c, e);
            break;
        case RDB_SHAPE_CLOSE:
            rdb_walk_close(w);
            continue;
        }
        if (s != STEP_DONE) return s;
    }
}

step rdb_walk_step(rdb_walk *w, cursor *in, err *e)
{
    cursor c = *in;
    step s = skip_bytes(w, &c, w->skip);
    if (s == STEP_DONE) s = walk_fields(w, &c, e);
    w->consumed += c.offset - in->offset;
    *in = c;
    return s;
}
