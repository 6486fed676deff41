/* What clients send through the sandbox's relay: in one piece and byte by byte it comes out alike,
 * and nothing but passwords of logins changes. */
#include "base/base.h"
#include "sandbox/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size);

static span as_it_is(void *context, span user, span password)
{
    (void)context;
    (void)user;
    return password;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    wire whole;
    wire split;
    buf a = buf_of(4 * MIB);
    buf b = buf_of(4 * MIB);
    wire_init(&whole);
    wire_init(&split);
    if (!wire_feed(&whole, span_of(at, size), as_it_is, NULL, &a)) abort();
    for (size_t i = 0; i < size; i++)
        if (!wire_feed(&split, span_of(at + i, 1), as_it_is, NULL, &b)) abort();
    if (a.size != b.size || (a.size && memcmp(a.at, b.at, a.size) != 0)) abort();
    /* Nothing was exchanged: the bytes are those that came, as far as they make a command. */
    if (a.size > size || (a.size && memcmp(a.at, at, a.size) != 0)) abort();
    wire_clear(&whole);
    wire_clear(&split);
    buf_clear(&a);
    buf_clear(&b);
    return 0;
}
