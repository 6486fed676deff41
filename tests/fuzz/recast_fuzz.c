/* A command of a replication stream of any bytes, for targets of any version. The input is a byte
 * that chooses the versions, and a command in wire form. Checked: nothing is read out of bounds,
 * what is refused has an error, and what is written are whole commands, or nothing where a key is
 * set aside. */
#include "apply/recast.h"
#include "base/mem.h"
#include "resp/command.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void written_check(span wire)
{
    resp_command c = {0};
    while (wire.size > 0) {
        size_t size = 0;
        err e = {0};
        step got = resp_command_read(&c, wire, 0, &size, &e);
        assert(got == STEP_DONE);
        assert(c.arg_count > 0);
        wire = span_tail(wire, size);
    }
    resp_command_clear(&c);
}

static void command_check(size_t count, const span *args, uint8_t chosen)
{
    static const unsigned versions[] = {9, 10, 13, 80};
    const rewrite_times t = {.received_ms = 1763800000000,
                             .hold_until_ms = 1763886400000,
                             .fields_expire = chosen & 16,
                             .target_rdb_version = versions[chosen & 3],
                             .source_rdb_version = versions[chosen >> 2 & 3]};
    buf out = buf_of(4 * INPUT_MAX);
    recast_result r = {0};
    err e = {0};
    (void)recast_is_due(count, args); /* only that it reads within them */
    if (!recast(count, args, &t, &out, &r, &e)) {
        assert(e.kind != ERR_NONE);
    } else {
        assert(!r.aside || out.size == 0);
        written_check(buf_span(&out));
    }
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX) return 0;
    resp_command c = {0};
    size_t eaten = 0;
    err e = {0};
    if (resp_command_read(&c, span_of(data + 1, size - 1), 0, &eaten, &e) == STEP_DONE &&
        c.arg_count > 0) {
        span *args = mem_alloc(c.arg_count * sizeof *args);
        for (size_t i = 0; i < c.arg_count; i++)
            args[i] = resp_command_arg(&c, data + 1, i);
        command_check(c.arg_count, args, data[0]);
        free(args);
    }
    resp_command_clear(&c);
    return 0;
}
