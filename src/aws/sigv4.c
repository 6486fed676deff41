#include "aws/sigv4.h"

#include <ctype.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/openssl.h"

#define TERMINATOR "aws4_request"
#define PARAMETERS_MAX ((size_t)1024)
#define HEADERS_MAX ((size_t)128)
#define EXPIRES_S_MAX (UINT64_C(7) * 24 * 3600)

static bool full(bool fits, err *e)
{
    return fits ||
           err_set(e, ERR_LIMIT, "a request to sign is larger than %zu bytes", SIGV4_CANONICAL_MAX);
}

/* --- digests --------------------------------------------------------------------------------- */

static sigv4_hex hex_show(const uint8_t digest[SIGV4_KEY_SIZE])
{
    sigv4_hex out = {0};
    for (size_t i = 0; i < SIGV4_KEY_SIZE; i++) {
        out.text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out.text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    return out;
}

sigv4_hex sigv4_sha256(span bytes)
{
    uint8_t digest[SIGV4_KEY_SIZE];
    const void *at = bytes.size ? bytes.at : (const uint8_t *)"";
    int done = EVP_Digest(at, bytes.size, digest, NULL, EVP_sha256(), NULL);
    assert(done); /* only without memory, and then nothing goes on */
    return hex_show(digest);
}

static void hmac(const uint8_t *key, size_t key_size, span text, uint8_t ret[SIGV4_KEY_SIZE])
{
    const void *done = HMAC(EVP_sha256(), key, (int)key_size, text.at, text.size, ret, NULL);
    assert(done); /* as above */
}

/* --- stamps ---------------------------------------------------------------------------------- */

sigv4_stamp sigv4_stamp_show(int64_t wall_ms)
{
    sigv4_stamp out = {0};
    clock_text at = clock_show(wall_ms); /* 2026-11-22T12:00:00Z */
    size_t used = 0;
    for (const char *c = at.text; *c && used < SIGV4_STAMP_SIZE; c++)
        if (*c != '-' && *c != ':') out.text[used++] = *c;
    return out;
}

static bool digits(span s, size_t at, size_t count, int *ret)
{
    *ret = 0;
    for (size_t i = at; i < at + count; i++) {
        if (!isdigit(s.at[i])) return false;
        *ret = *ret * 10 + (s.at[i] - '0');
    }
    return true;
}

bool sigv4_stamp_read(span s, int64_t *ret_wall_ms, err *e)
{
    struct tm t = {0};
    bool good = s.size == SIGV4_STAMP_SIZE && s.at[8] == 'T' && s.at[15] == 'Z' &&
                digits(s, 0, 4, &t.tm_year) && digits(s, 4, 2, &t.tm_mon) &&
                digits(s, 6, 2, &t.tm_mday) && digits(s, 9, 2, &t.tm_hour) &&
                digits(s, 11, 2, &t.tm_min) && digits(s, 13, 2, &t.tm_sec);
    good = good && t.tm_mon >= 1 && t.tm_mon <= 12 && t.tm_mday >= 1 && t.tm_mday <= 31 &&
           t.tm_hour < 24 && t.tm_min < 60 && t.tm_sec <= 60;
    if (!good) {
        return err_set(e, ERR_FORMAT, "'%s' is not a date of the form 20261122T120000Z",
                       span_show(s).text);
    }
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    *ret_wall_ms = (int64_t)timegm(&t) * 1000;
    return true;
}

/* --- the canonical request ------------------------------------------------------------------- */

static bool is_unreserved(uint8_t c)
{
    return isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool sigv4_encode(span s, bool keep_slash, buf *out)
{
    bool fits = true;
    for (size_t i = 0; i < s.size && fits; i++) {
        uint8_t c = s.at[i];
        bool plain = (c < 0x80 && is_unreserved(c)) || (keep_slash && c == '/');
        fits = plain ? buf_u8(out, c) : buf_printf(out, "%%%02X", c);
    }
    return fits;
}

/* The last segment goes; its path begins and ends with a slash. */
static void segment_drop(buf *path)
{
    if (path->size == 1) return;
    do {
        path->size--;
    } while (path->at[path->size - 1] != '/');
}

/* Segments without ".", ".." and empty ones; a slash at the end stays one. */
static bool path_normalize(span path, buf *out)
{
    span rest = path;
    span segment = {0};
    bool fits = buf_u8(out, '/');
    bool open = true; /* it ends with a slash */
    while (fits && span_cut(&rest, '/', &segment)) {
        open = segment.size == 0 || segment.at + segment.size < path.at + path.size ||
               span_is(segment, ".") || span_is(segment, "..");
        if (segment.size == 0 || span_is(segment, ".")) continue;
        if (span_is(segment, "..")) {
            segment_drop(out);
        } else {
            fits = buf_append(out, segment) && buf_u8(out, '/');
        }
    }
    if (fits && !open) out->size--;
    return fits;
}

static bool path_write(const sigv4_request *r, buf *out)
{
    CLEANUP(buf_clear) buf normal = buf_of(SIGV4_CANONICAL_MAX);
    if (r->path_once) return r->path.size ? buf_append(out, r->path) : buf_u8(out, '/');
    return path_normalize(r->path, &normal) && sigv4_encode(buf_span(&normal), true, out);
}

/* A '%' that is not followed by two digits stands for itself. */
static bool decode(span s, buf *out)
{
    bool fits = true;
    for (size_t i = 0; i < s.size && fits; i++) {
        int high = s.at[i] == '%' && i + 2 < s.size ? hex_digit(s.at[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.at[i + 2]) : -1;
        fits = buf_u8(out, low >= 0 ? (uint8_t)(high * 16 + low) : s.at[i]);
        if (low >= 0) i += 2;
    }
    return fits;
}

typedef struct {
    size_t name, value, end; /* positions in the text of all; the value ends at `end` */
} parameter;

typedef struct {
    buf text; /* names and values, encoded anew */
    size_t count;
    parameter at[PARAMETERS_MAX];
} parameters;

static bool recode(span s, buf *out)
{
    CLEANUP(buf_clear) buf plain = buf_of(SIGV4_CANONICAL_MAX);
    return decode(s, &plain) && sigv4_encode(buf_span(&plain), false, out);
}

static bool parameters_read(span query, parameters *p)
{
    span one = {0};
    while (span_cut(&query, '&', &one)) {
        size_t equals = one.size;
        (void)span_find(one, span_text("="), &equals);
        span name = span_of(one.at, equals);
        if (one.size == 0 || span_is(name, "X-Amz-Signature")) continue;
        if (p->count == PARAMETERS_MAX) return false;
        parameter *a = &p->at[p->count++];
        a->name = p->text.size;
        if (!recode(name, &p->text)) return false;
        a->value = p->text.size;
        if (!recode(span_tail(one, equals + 1), &p->text)) return false;
        a->end = p->text.size;
    }
    return true;
}

static int span_order(span a, span b)
{
    size_t least = size_min(a.size, b.size);
    int order = least ? memcmp(a.at, b.at, least) : 0;
    return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

/* There may be no text at all. */
static span part_of(const uint8_t *text, size_t from, size_t to)
{
    return from == to ? (span){0} : span_of(text + from, to - from);
}

static int parameter_order(const void *a, const void *b, void *text)
{
    const parameter *x = a;
    const parameter *y = b;
    int order = span_order(part_of(text, x->name, x->value), part_of(text, y->name, y->value));
    return order ? order
                 : span_order(part_of(text, x->value, x->end), part_of(text, y->value, y->end));
}

static bool query_write(span query, buf *out)
{
    CLEANUP(mem_free_at) parameters *p = mem_alloc(sizeof *p);
    p->text = buf_of(SIGV4_CANONICAL_MAX);
    bool fits = parameters_read(query, p);
    if (fits && p->count > 1)
        qsort_r(p->at, p->count, sizeof p->at[0], parameter_order, p->text.at);
    for (size_t i = 0; i < p->count && fits; i++) {
        const parameter *a = &p->at[i];
        fits = (i == 0 || buf_u8(out, '&')) &&
               buf_append(out, part_of(p->text.at, a->name, a->value)) && buf_u8(out, '=') &&
               buf_append(out, part_of(p->text.at, a->value, a->end));
    }
    buf_clear(&p->text);
    return fits;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without blanks at the ends; several inside are one. */
static bool value_write(span value, buf *out)
{
    bool fits = true;
    bool blank = false;
    bool some = false;
    for (size_t i = 0; i < value.size && fits; i++) {
        if (is_blank(value.at[i])) {
            blank = some;
            continue;
        }
        fits = (!blank || buf_u8(out, ' ')) && buf_u8(out, value.at[i]);
        blank = false;
        some = true;
    }
    return fits;
}

static bool name_is(span name, span wanted)
{
    if (name.size != wanted.size) return false;
    for (size_t i = 0; i < name.size; i++)
        if (tolower(name.at[i]) != wanted.at[i]) return false;
    return true;
}

static bool header_write(const sigv4_request *r, span name, buf *out, err *e)
{
    bool found = false;
    bool fits = buf_append(out, name) && buf_u8(out, ':');
    for (size_t i = 0; i < r->header_count && fits; i++) {
        if (!name_is(r->headers[i].name, name)) continue;
        fits = (!found || buf_u8(out, ',')) && value_write(r->headers[i].value, out);
        found = true;
    }
    if (!full(fits && buf_u8(out, '\n'), e)) return false;
    return found ||
           err_set(e, ERR_FORMAT, "the signed header '%s' is not there", span_show(name).text);
}

bool sigv4_canonical(const sigv4_request *r, span signed_headers, buf *ret, err *e)
{
    span rest = signed_headers;
    span name = {0};
    bool fits = buf_append(ret, r->method) && buf_u8(ret, '\n') && path_write(r, ret) &&
                buf_u8(ret, '\n') && query_write(r->query, ret) && buf_u8(ret, '\n');
    if (!full(fits, e)) return false;
    while (span_cut(&rest, ';', &name))
        if (!header_write(r, name, ret, e)) return false;
    return full(buf_u8(ret, '\n') && buf_append(ret, signed_headers) && buf_u8(ret, '\n') &&
                    buf_append(ret, r->payload),
                e);
}

/* --- the signature --------------------------------------------------------------------------- */

static span day_of(const sigv4_scope *s)
{
    return span_of(s->stamp.at, size_min(s->stamp.size, 8));
}

static bool scope_write(const sigv4_scope *s, buf *out)
{
    return buf_append(out, day_of(s)) && buf_u8(out, '/') && buf_append(out, s->region) &&
           buf_u8(out, '/') && buf_append(out, s->service) && buf_text(out, "/" TERMINATOR);
}

void sigv4_key(span secret_key, const sigv4_scope *s, uint8_t ret[SIGV4_KEY_SIZE])
{
    uint8_t first[4 + 256] = {'A', 'W', 'S', '4'};
    size_t size = size_min(secret_key.size, sizeof first - 4); /* IAM makes them of 40 */
    if (size) memcpy(first + 4, secret_key.at, size);
    uint8_t key[SIGV4_KEY_SIZE];
    hmac(first, size + 4, day_of(s), ret);
    hmac(ret, SIGV4_KEY_SIZE, s->region, key);
    hmac(key, SIGV4_KEY_SIZE, s->service, ret);
    hmac(ret, SIGV4_KEY_SIZE, span_text(TERMINATOR), key);
    memcpy(ret, key, SIGV4_KEY_SIZE);
    explicit_bzero(first, sizeof first);
    explicit_bzero(key, sizeof key);
}

static bool head_write(const char *algorithm, const sigv4_scope *s, buf *out)
{
    return buf_text(out, algorithm) && buf_u8(out, '\n') && buf_append(out, s->stamp) &&
           buf_u8(out, '\n') && scope_write(s, out) && buf_u8(out, '\n');
}

bool sigv4_signature(const sigv4_request *r,
                     const sigv4_scope *s,
                     span signed_headers,
                     const uint8_t key[SIGV4_KEY_SIZE],
                     sigv4_hex *ret,
                     err *e)
{
    CLEANUP(buf_clear) buf canonical = buf_of(SIGV4_CANONICAL_MAX);
    CLEANUP(buf_clear) buf text = buf_of(SIGV4_CANONICAL_MAX);
    uint8_t digest[SIGV4_KEY_SIZE];
    if (!sigv4_canonical(r, signed_headers, &canonical, e)) return false;
    sigv4_hex hash = sigv4_sha256(buf_span(&canonical));
    bool fits = head_write(SIGV4_ALGORITHM, s, &text) && buf_text(&text, hash.text);
    if (!full(fits, e)) return false;
    hmac(key, SIGV4_KEY_SIZE, buf_span(&text), digest);
    *ret = hex_show(digest);
    return true;
}

/* What chunks and trailers have in common: the signature before, then digests. */
static sigv4_hex follow(const char *algorithm,
                        const sigv4_scope *s,
                        const uint8_t key[SIGV4_KEY_SIZE],
                        span signature_before,
                        const span digests[2])
{
    CLEANUP(buf_clear) buf text = buf_of(SIGV4_CANONICAL_MAX);
    uint8_t digest[SIGV4_KEY_SIZE];
    bool fits = head_write(algorithm, s, &text) && buf_append(&text, signature_before);
    for (size_t i = 0; fits && i < 2; i++)
        fits = digests[i].size == 0 || (buf_u8(&text, '\n') && buf_append(&text, digests[i]));
    assert(fits); /* its parts are of a known size */
    hmac(key, SIGV4_KEY_SIZE, buf_span(&text), digest);
    return hex_show(digest);
}

sigv4_hex sigv4_chunk(const sigv4_scope *s,
                      const uint8_t key[SIGV4_KEY_SIZE],
                      span signature_before,
                      span chunk_sha256)
{
    sigv4_hex nothing = sigv4_sha256((span){0});
    const span digests[2] = {span_text(nothing.text), chunk_sha256};
    return follow(SIGV4_ALGORITHM "-PAYLOAD", s, key, signature_before, digests);
}

sigv4_hex sigv4_trailer(const sigv4_scope *s,
                        const uint8_t key[SIGV4_KEY_SIZE],
                        span signature_before,
                        span trailers_sha256)
{
    const span digests[2] = {trailers_sha256};
    return follow("AWS4-HMAC-SHA256-TRAILER", s, key, signature_before, digests);
}

static int name_order(const void *a, const void *b)
{
    return span_order(*(const span *)a, *(const span *)b);
}

/* The names of all headers, in lower case, sorted, each once. */
static bool names_write(const sigv4_request *r, buf *out, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span names[HEADERS_MAX];
    if (r->header_count > HEADERS_MAX)
        return err_set(e, ERR_LIMIT, "more than %zu headers to sign", HEADERS_MAX);
    for (size_t i = 0; i < r->header_count; i++) {
        char *name = arena_text(&memory, r->headers[i].name);
        for (char *c = name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        names[i] = span_text(name);
    }
    if (r->header_count > 1) qsort(names, r->header_count, sizeof names[0], name_order);
    bool fits = true;
    for (size_t i = 0; i < r->header_count && fits; i++) {
        if (i > 0 && span_equal(names[i], names[i - 1])) continue;
        fits = (i == 0 || buf_u8(out, ';')) && buf_append(out, names[i]);
    }
    return full(fits, e);
}

bool sigv4_authorize(
    const sigv4_request *r, const sigv4_scope *s, span secret_key, buf *ret, err *e)
{
    CLEANUP(buf_clear) buf names = buf_of(SIGV4_CANONICAL_MAX);
    uint8_t key[SIGV4_KEY_SIZE];
    sigv4_hex signature;
    if (!names_write(r, &names, e)) return false;
    sigv4_key(secret_key, s, key);
    bool done = sigv4_signature(r, s, buf_span(&names), key, &signature, e);
    explicit_bzero(key, sizeof key);
    if (!done) return false;
    return full(buf_text(ret, SIGV4_ALGORITHM " Credential=") &&
                    buf_append(ret, s->access_key_id) && buf_u8(ret, '/') && scope_write(s, ret) &&
                    buf_text(ret, ", SignedHeaders=") && buf_append(ret, buf_span(&names)) &&
                    buf_text(ret, ", Signature=") && buf_text(ret, signature.text),
                e);
}

bool sigv4_presign(const sigv4_request *r,
                   const sigv4_scope *s,
                   span secret_key,
                   span token,
                   unsigned expires_s,
                   buf *ret,
                   err *e)
{
    CLEANUP(buf_clear) buf credential = buf_of(SIGV4_CANONICAL_MAX);
    uint8_t key[SIGV4_KEY_SIZE];
    sigv4_hex signature;
    size_t begin = ret->size;
    bool fits = buf_append(&credential, s->access_key_id) && buf_u8(&credential, '/') &&
                scope_write(s, &credential) && buf_append(ret, r->query) &&
                (r->query.size == 0 || buf_u8(ret, '&')) &&
                buf_text(ret, "X-Amz-Algorithm=" SIGV4_ALGORITHM "&X-Amz-Credential=") &&
                sigv4_encode(buf_span(&credential), false, ret) && buf_text(ret, "&X-Amz-Date=") &&
                buf_append(ret, s->stamp) &&
                buf_printf(ret, "&X-Amz-Expires=%u&X-Amz-SignedHeaders=host", expires_s);
    if (fits && token.size)
        fits = buf_text(ret, "&X-Amz-Security-Token=") && sigv4_encode(token, false, ret);
    if (!full(fits, e)) return false;
    sigv4_request whole = *r;
    whole.query = span_of(ret->at + begin, ret->size - begin);
    sigv4_key(secret_key, s, key);
    bool done = sigv4_signature(&whole, s, span_text("host"), key, &signature, e);
    explicit_bzero(key, sizeof key);
    return done && full(buf_text(ret, "&X-Amz-Signature=") && buf_text(ret, signature.text), e);
}

/* --- what a request claims ------------------------------------------------------------------- */

/* "AKID/20261122/us-east-1/elasticache/aws4_request" */
static bool credential_read(span credential, span stamp, sigv4_scope *ret, err *e)
{
    span day = {0};
    span end = {0};
    span rest = credential;
    *ret = (sigv4_scope){.stamp = stamp};
    bool good = span_cut(&rest, '/', &ret->access_key_id) && span_cut(&rest, '/', &day) &&
                span_cut(&rest, '/', &ret->region) && span_cut(&rest, '/', &ret->service) &&
                span_cut(&rest, '/', &end) && rest.size == 0 && span_is(end, TERMINATOR);
    if (!good) {
        return err_set(e, ERR_FORMAT,
                       "the credential is not of the form KEY/DATE/REGION/SERVICE/" TERMINATOR);
    }
    if (!span_equal(day, day_of(ret)))
        return err_set(e, ERR_FORMAT, "the credential is of another day than the request");
    return true;
}

static bool claim_check(const sigv4_claim *c, err *e)
{
    int64_t ignored = 0;
    if (c->signature.size != SIGV4_HEX_SIZE || c->signed_headers.size == 0)
        return err_set(e, ERR_FORMAT, "the signature or the list of signed headers is missing");
    return sigv4_stamp_read(c->scope.stamp, &ignored, e);
}

bool sigv4_claim_header(span authorization, span stamp, sigv4_claim *ret, err *e)
{
    static const char *const names[] = {"Credential=", "SignedHeaders=", "Signature="};
    span values[COUNT_OF(names)] = {{0}};
    span part = {0};
    if (!span_starts(authorization, SIGV4_ALGORITHM))
        return err_set(e, ERR_FORMAT, "it is not signed with " SIGV4_ALGORITHM);
    span rest = span_tail(authorization, strlen(SIGV4_ALGORITHM));
    while (span_cut(&rest, ',', &part)) {
        part = span_trim(part);
        for (size_t i = 0; i < COUNT_OF(names); i++)
            if (span_starts(part, names[i])) values[i] = span_tail(part, strlen(names[i]));
    }
    *ret = (sigv4_claim){.signed_headers = values[1], .signature = values[2], .expires_s = -1};
    return credential_read(values[0], stamp, &ret->scope, e) && claim_check(ret, e);
}

/* The parameter's value, decoded, behind what is in `memory`; its size. */
static bool parameter_find(span query, const char *name, buf *memory, size_t *ret_size)
{
    span one = {0};
    size_t begin = memory->size;
    *ret_size = 0;
    while (span_cut(&query, '&', &one)) {
        size_t equals = one.size;
        (void)span_find(one, span_text("="), &equals);
        if (!span_is(span_of(one.at, equals), name)) continue;
        if (!decode(span_tail(one, equals + 1), memory)) return false;
        *ret_size = memory->size - begin;
        return true;
    }
    return true;
}

bool sigv4_claim_query(span query, buf *memory, sigv4_claim *ret, err *e)
{
    static const char *const names[] = {
        "X-Amz-Algorithm",     "X-Amz-Credential", "X-Amz-Date",          "X-Amz-Expires",
        "X-Amz-SignedHeaders", "X-Amz-Signature",  "X-Amz-Security-Token"};
    span v[COUNT_OF(names)] = {{0}};
    size_t sizes[COUNT_OF(names)] = {0};
    size_t at = memory->size;
    bool fits = true;
    for (size_t i = 0; i < COUNT_OF(names) && fits; i++)
        fits = parameter_find(query, names[i], memory, &sizes[i]);
    if (!full(fits, e)) return false;
    for (size_t i = 0; i < COUNT_OF(names); i++) { /* it does not move any more */
        if (sizes[i] > 0) v[i] = span_of(memory->at + at, sizes[i]);
        at += sizes[i];
    }
    uint64_t expires_s = 0;
    if (!span_is(v[0], SIGV4_ALGORITHM))
        return err_set(e, ERR_FORMAT, "it is not signed with " SIGV4_ALGORITHM);
    if (!span_to_u64(v[3], &expires_s) || expires_s > EXPIRES_S_MAX)
        return err_set(e, ERR_FORMAT, "X-Amz-Expires is not a number of seconds up to a week");
    *ret = (sigv4_claim){
        .signed_headers = v[4], .signature = v[5], .token = v[6], .expires_s = (int64_t)expires_s};
    return credential_read(v[1], v[2], &ret->scope, e) && claim_check(ret, e);
}

bool sigv4_equal(span a, span b)
{
    return a.size == b.size && (a.size == 0 || CRYPTO_memcmp(a.at, b.at, a.size) == 0);
}
