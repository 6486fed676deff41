#include "resp/reply.h"

static step line_read(cursor *in, span *ret, err *e)
{
    size_t left = cursor_left(in);
    const uint8_t *end = left ? memchr(in->at, '\n', size_min(left, REPLY_LINE_MAX)) : NULL;
    if (!end) {
        if (left < REPLY_LINE_MAX) return STEP_MORE;
        return err_at(e, ERR_LIMIT, in->offset, "a line of an answer is longer than %zu bytes",
                      REPLY_LINE_MAX);
    }
    size_t size = (size_t)(end - in->at);
    if (size < 2 || in->at[size - 1] != '\r')
        return err_at(e, ERR_FORMAT, in->offset, "a line of an answer does not end in CR LF");
    *ret = span_of(in->at, size - 1);
    bool moved = cursor_skip(in, size + 1);
    assert(moved);
    return STEP_DONE;
}

/* The bytes behind "$5\r\n". */
static step bulk_read(cursor *in, int64_t size, reply_token *ret, err *e)
{
    if (size == -1) {
        ret->kind = REPLY_NIL;
        return STEP_DONE;
    }
    if (size < 0 || (uint64_t)size > REPLY_BULK_MAX)
        return err_at(e, ERR_LIMIT, in->offset, "a bulk answer of %" PRId64 " bytes", size);
    span end;
    if (!cursor_take(in, (size_t)size, &ret->text) || !cursor_take(in, 2, &end)) return STEP_MORE;
    if (!span_is(end, "\r\n"))
        return err_at(e, ERR_FORMAT, in->offset - 2, "no CR LF behind a bulk answer");
    return STEP_DONE;
}

static step array_read(uint64_t offset, int64_t count, size_t per_item, reply_token *ret, err *e)
{
    if (count == -1) {
        ret->kind = REPLY_NIL;
        return STEP_DONE;
    }
    if (count < 0 || (uint64_t)count > REPLY_ITEMS_MAX / per_item)
        return err_at(e, ERR_LIMIT, offset, "an answer of %" PRId64 " items", count);
    ret->kind = REPLY_ARRAY;
    ret->count = (size_t)count * per_item;
    return STEP_DONE;
}

/* One row: how a RESP type reads. */
typedef struct {
    char mark;
    reply_kind kind;
    enum { READ_LINE, READ_NUMBER, READ_BULK, READ_ARRAY, READ_NIL, READ_BOOL } how;
    size_t per_item; /* of READ_ARRAY */
} token_form;

static const token_form forms[] = {
    {'+', REPLY_STATUS, READ_LINE, 0},    {'-', REPLY_ERROR, READ_LINE, 0},
    {':', REPLY_INTEGER, READ_NUMBER, 0}, {'$', REPLY_BULK, READ_BULK, 0},
    {'*', REPLY_ARRAY, READ_ARRAY, 1},    {'_', REPLY_NIL, READ_NIL, 0},
    {'#', REPLY_INTEGER, READ_BOOL, 0},   {',', REPLY_BULK, READ_LINE, 0},
    {'(', REPLY_BULK, READ_LINE, 0},      {'!', REPLY_ERROR, READ_BULK, 0},
    {'=', REPLY_BULK, READ_BULK, 0},      {'%', REPLY_ARRAY, READ_ARRAY, 2},
    {'~', REPLY_ARRAY, READ_ARRAY, 1},    {'>', REPLY_ARRAY, READ_ARRAY, 1},
};

static const token_form *form_of(uint8_t mark)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if ((uint8_t)forms[i].mark == mark) return &forms[i];
    return NULL;
}

step reply_token_read(cursor *in, reply_token *ret, err *e)
{
    cursor c = *in;
    uint8_t mark = 0;
    if (!cursor_u8(&c, &mark)) return STEP_MORE;
    const token_form *form = form_of(mark);
    if (!form)
        return err_at(e, ERR_FORMAT, in->offset, "an answer cannot start with byte 0x%02x", mark);
    span line = {0};
    step s = line_read(&c, &line, e);
    if (s != STEP_DONE) return s;
    reply_token t = {.kind = form->kind};
    int64_t number = 0;
    bool wants_number =
        form->how == READ_NUMBER || form->how == READ_BULK || form->how == READ_ARRAY;
    if (wants_number && !span_to_i64(line, &number))
        return err_at(e, ERR_FORMAT, in->offset, "no number after '%c'", mark);
    switch (form->how) {
    case READ_LINE:
        t.text = line;
        break;
    case READ_NUMBER:
        t.integer = number;
        break;
    case READ_BOOL:
        t.integer = span_is(line, "t");
        break;
    case READ_NIL:
        break;
    case READ_BULK:
        s = bulk_read(&c, number, &t, e);
        break;
    case READ_ARRAY:
        s = array_read(in->offset, number, form->per_item, &t, e);
        break;
    }
    if (s != STEP_DONE) return s;
    *ret = t;
    *in = c;
    return STEP_DONE;
}

step reply_nesting_step(reply_nesting *n, const reply_token *t, bool *ret_complete, err *e)
{
    if (n->depth > 0) n->left[n->depth - 1]--;
    if (t->kind == REPLY_ARRAY && t->count > 0) {
        if (n->depth == REPLY_DEPTH_MAX)
            return err_at(e, ERR_LIMIT, 0, "an answer nested deeper than %d", REPLY_DEPTH_MAX);
        n->left[n->depth++] = t->count;
    }
    while (n->depth > 0 && n->left[n->depth - 1] == 0)
        n->depth--;
    *ret_complete = n->depth == 0;
    return STEP_DONE;
}

/* Items are made room for as they come: a count alone, sent by anyone, costs no memory. */
static reply *item_add(reply_reader *r, arena *memory, size_t level)
{
    reply *parent = r->open[level];
    size_t filled = r->filled[level]++;
    bool full = filled == 0 || (filled >= 8 && (filled & (filled - 1)) == 0);
    if (full) {
        size_t room = size_min(parent->count, size_max(8, filled * 2));
        reply *items = arena_alloc(memory, room * sizeof *items);
        if (filled) memcpy(items, parent->items, filled * sizeof *items);
        parent->items = items;
    }
    return &parent->items[filled];
}

static reply *place_make(reply_reader *r, arena *memory)
{
    if (r->nesting.depth > 0) return item_add(r, memory, r->nesting.depth - 1);
    r->root = arena_alloc(memory, sizeof *r->root);
    return r->root;
}

step reply_read(reply_reader *r, cursor *in, arena *memory, const reply **ret, err *e)
{
    for (;;) {
        reply_token t = {0};
        step s = reply_token_read(in, &t, e);
        if (s != STEP_DONE) return s;
        reply *place = place_make(r, memory);
        *place = (reply){.kind = t.kind, .integer = t.integer, .count = t.count};
        place->text = span_of(arena_text(memory, t.text), t.text.size);
        size_t depth = r->nesting.depth;
        bool complete = false;
        s = reply_nesting_step(&r->nesting, &t, &complete, e);
        if (s != STEP_DONE) return s;
        if (r->nesting.depth > depth) {
            r->open[depth] = place;
            r->filled[depth] = 0;
        }
        if (complete) {
            *ret = r->root;
            *r = (reply_reader){0};
            return STEP_DONE;
        }
    }
}

const reply *reply_field(const reply *r, const char *name)
{
    if (r->kind != REPLY_ARRAY) return NULL;
    for (size_t i = 0; i + 1 < r->count; i += 2)
        if (span_is(r->items[i].text, name)) return &r->items[i + 1];
    return NULL;
}

reply_shown reply_show(span text)
{
    reply_shown out = {0};
    size_t size = text.size;
    (void)span_find(text, span_text(", with args beginning with"), &size);
    size = size_min(size, REPLY_SHOWN_MAX);
    if (size) memcpy(out.text, text.at, size);
    for (size_t i = 0; i < size; i++)
        if (text.at[i] < ' ' || text.at[i] >= 0x7f) out.text[i] = '?';
    return out;
}
