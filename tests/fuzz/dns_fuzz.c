/* A message of any bytes to the responder for names. Checked: nothing is read out of bounds, an
 * answer fits a message, carries the question's number and says that it is an answer. */
#include "sandbox/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lookup(void *context, const char *name, dns_addresses *ret)
{
    (void)context;
    ret->count = strlen(name) % (DNS_ADDRESSES_MAX + 1);
    return ret->count > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > DNS_MESSAGE_MAX) return 0;
    buf out = buf_of(DNS_MESSAGE_MAX);
    if (dns_answer(span_of(data, size), lookup, NULL, &out)) {
        assert(out.size >= 12);
        assert(out.at[0] == data[0] && out.at[1] == data[1]);
        assert((out.at[2] & 0x80) != 0);
    }
    buf_clear(&out);
    return 0;
}
