/* Commands and answers on any bytes. The first two bytes choose where the input is cut. Checked:
 * nothing is read out of bounds, an input that comes in two parts reads as the same input in one,
 * what a reader took as a command is written back as the same bytes or shorter, and the tokens of
 * an answer nest as its tree does. */
#include "base/buf.h"
#include "base/mem.h"
#include "resp/command.h"
#include "resp/reply.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes alone in their memory, so that one read too far is seen. */
static span exact(span s, uint8_t **ret_memory)
{
    *ret_memory = mem_alloc(s.size);
    if (s.size) memcpy(*ret_memory, s.at, s.size);
    return span_of(*ret_memory, s.size);
}

typedef struct {
    uint64_t hash;
    size_t eaten; /* bytes of whole commands or answers */
    bool bad;
} result;

static void mix(result *r, span s)
{
    r->hash = r->hash * 31 + s.size + 7;
    for (size_t i = 0; i < s.size; i++)
        r->hash = r->hash * 31 + s.at[i];
}

static void command_mix(result *r, const resp_command *c, span in, size_t size)
{
    buf again = buf_of(4 * INPUT_MAX);
    bool fits = resp_begin(&again, c->arg_count);
    for (size_t i = 0; i < c->arg_count; i++) {
        span arg = resp_command_arg(c, in.at, i);
        assert(arg.at >= in.at && arg.size <= size);
        mix(r, arg);
        fits = fits && resp_arg(&again, arg);
    }
    assert(fits);
    assert(again.size <= size || c->arg_count == 0);
    buf_clear(&again);
}

/* Reads commands out of all bytes, showing the reader only the first `first` of them at first. */
static result commands_read(span all, size_t first)
{
    result r = {0};
    resp_command c = {0};
    size_t shown = first;
    for (;;) {
        uint8_t *memory = NULL;
        span in = exact(span_of(all.at + r.eaten, shown - r.eaten), &memory);
        size_t taken = 0;
        err e = {0};
        step s = resp_command_read(&c, in, r.eaten, &taken, &e);
        if (s == STEP_DONE) {
            assert(taken > 0 && taken <= in.size);
            command_mix(&r, &c, in, taken);
            r.eaten += taken;
        }
        free(memory);
        r.bad = s == STEP_BAD;
        assert(!r.bad || e.kind != ERR_NONE);
        if (r.bad || (s == STEP_MORE && shown == all.size)) break;
        if (s == STEP_MORE) shown = all.size;
    }
    resp_command_clear(&c);
    return r;
}

static void reply_mix(result *r, const reply *one, size_t depth)
{
    assert(depth <= REPLY_DEPTH_MAX);
    mix(r, one->text);
    r->hash = r->hash * 31 + (uint64_t)one->kind + (uint64_t)one->integer;
    for (size_t i = 0; i < one->count; i++)
        reply_mix(r, &one->items[i], depth + 1);
}

static result replies_read(span all, size_t first)
{
    result r = {0};
    arena memory = {0};
    reply_reader reader = {0};
    size_t eaten = 0;
    size_t shown = first;
    for (;;) {
        uint8_t *copy = NULL;
        span in = exact(span_of(all.at + eaten, shown - eaten), &copy);
        cursor c = cursor_of(in);
        const reply *one = NULL;
        err e = {0};
        step s = reply_read(&reader, &c, &memory, &one, &e);
        eaten += (size_t)(c.at - in.at);
        free(copy);
        if (s == STEP_DONE) {
            reply_mix(&r, one, 0);
            r.eaten = eaten;
            arena_clear(&memory);
        }
        r.bad = s == STEP_BAD;
        assert(!r.bad || e.kind != ERR_NONE);
        if (r.bad || (s == STEP_MORE && shown == all.size)) break;
        if (s == STEP_MORE) shown = all.size;
    }
    arena_clear(&memory);
    return r;
}

/* Where the tokens say that the last whole answer ends. */
static result tokens_read(span all)
{
    result r = {0};
    reply_nesting nesting = {0};
    cursor c = cursor_of(all);
    for (;;) {
        reply_token t;
        err e = {0};
        step s = reply_token_read(&c, &t, &e);
        bool complete = false;
        if (s == STEP_DONE) s = reply_nesting_step(&nesting, &t, &complete, &e);
        r.bad = s == STEP_BAD;
        if (s != STEP_DONE) return r;
        if (complete) r.eaten = (size_t)c.offset;
    }
}

static void same(result a, result b)
{
    assert(a.hash == b.hash);
    assert(a.eaten == b.eaten);
    assert(a.bad == b.bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX) return 0;
    span all = span_of(data + 2, size - 2);
    size_t cut = (size_t)(data[0] << 8 | data[1]) % (all.size + 1);
    same(commands_read(all, all.size), commands_read(all, cut));
    result whole = replies_read(all, all.size);
    same(whole, replies_read(all, cut));
    result tokens = tokens_read(all);
    assert(tokens.eaten == whole.eaten);
    assert(tokens.bad == whole.bad);
    return 0;
}
