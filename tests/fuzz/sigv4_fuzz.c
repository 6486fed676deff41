/* What a stranger says of a signature, and the request it belongs to, of any bytes. Checked:
 * nothing is read out of bounds, what is claimed points into what was given, and a canonical form
 * is the same twice. The input: header, stamp, query, path and a list of signed headers, one a
 * line. */
#include "aws/iam_token.h"

#define INPUT_MAX (8 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void canonical_check(span method, span path, span query, span signed_headers)
{
    CLEANUP(buf_clear) buf first = buf_of(SIGV4_CANONICAL_MAX);
    CLEANUP(buf_clear) buf second = buf_of(SIGV4_CANONICAL_MAX);
    const sigv4_header headers[] = {{span_text("Host"), path}, {span_text("X-Amz-Date"), query}};
    sigv4_request r = {.method = method,
                       .path = path,
                       .query = query,
                       .headers = headers,
                       .header_count = COUNT_OF(headers),
                       .payload = span_text(SIGV4_UNSIGNED)};
    err e = {0};
    if (!sigv4_canonical(&r, signed_headers, &first, &e)) {
        assert(e.kind == ERR_FORMAT || e.kind == ERR_LIMIT);
        return;
    }
    bool again = sigv4_canonical(&r, signed_headers, &second, &e);
    assert(again && span_equal(buf_span(&first), buf_span(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) buf memory = buf_of(MIB);
    span rest = span_of(data, size);
    span lines[5] = {{0}};
    sigv4_claim claim;
    iam_claim token;
    bool good = false;
    err e = {0};
    if (size == 0 || size > INPUT_MAX) return 0;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (!span_cut(&rest, '\n', &lines[i])) break;
    if (sigv4_claim_header(lines[0], lines[1], &claim, &e)) {
        assert(claim.signature.size == SIGV4_HEX_SIZE);
        assert(claim.signature.at >= data && claim.signature.at < data + size);
    }
    if (sigv4_claim_query(lines[2], &memory, &claim, &e))
        assert(claim.signature.at >= memory.at && claim.expires_s >= 0);
    memory.size = 0;
    if (iam_token_read(lines[2], &memory, &token, &e)) {
        (void)!iam_token_is_signed(&token, lines[0], &good, &e);
        assert(!good);
    }
    canonical_check(lines[1], lines[3], lines[2], lines[4]);
    return 0;
}
