/* What clients of the user's say, and lists of connections, of any bytes. Checked: the same lines
 * come out wherever the bytes are cut, and nobody is counted more often than there are lines. */
#include "drill/connections.h"
#include "drill/line.h"

#define INPUT_MAX (16 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    size_t count;
    uint64_t sum;
} said;

static said lines_read(span first, span second)
{
    drill_lines lines = {0};
    drill_line l;
    said s = {0};
    span pieces[] = {first, second};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        while (drill_lines_next(&lines, &pieces[i], &l)) {
            assert(l.kind == LINE_OK || l.text.size < DRILL_LINE_MAX);
            s.count++;
            s.sum += l.n + l.text.size + l.version.size + (uint64_t)l.kind;
        }
        assert(pieces[i].size == 0);
    }
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena memory = {0};
    drill_connections *all = NULL;
    size_t count = 0;
    size_t kinds = 0;
    if (size < 2 || size > INPUT_MAX) return 0;
    size_t at = data[0] * (size - 2) / 255 + 1;
    span whole = span_of(data + 1, size - 1);
    said one = lines_read(whole, (span){0});
    said two = lines_read(span_of(whole.at, at), span_tail(whole, at));
    assert(one.count == two.count && one.sum == two.sum);
    (void)drill_failure_of(whole);
    connections_compare(span_of(whole.at, at), whole, span_tail(whole, at), &memory, &all, &kinds);
    for (size_t i = 0; i < kinds; i++) {
        assert(all[i].before > 0 && all[i].stayed <= all[i].before);
        count += all[i].before;
    }
    assert(count <= size);
    arena_clear(&memory);
    return 0;
}
