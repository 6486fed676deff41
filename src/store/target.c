#include "store/target.h"

#include <ctype.h>
#include <strings.h>

static const char *const host_suffixes[] = {".s3.sandbox.test", ".localhost"};

static bool decode(span s, bool plus, arena *memory, const char **ret, err *e)
{
    char *out = arena_alloc(memory, s.size + 1);
    size_t used = 0;
    for (size_t i = 0; i < s.size; i++) {
        int c = s.at[i];
        if (c == '+' && plus) c = ' ';
        if (c == '%') {
            int high = s.size - i > 2 ? hex_digit(s.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(s.at[i + 2]) : -1;
            if (low < 0) return err_set(e, ERR_FORMAT, "a broken percent sign in the address");
            c = high * 16 + low;
            i += 2;
        }
        if (c == 0) return err_set(e, ERR_FORMAT, "a zero byte in the address");
        out[used++] = (char)c;
    }
    *ret = out;
    return true;
}

/* How many bytes a character of UTF-8 has that begins here; 0: it is none. */
static size_t utf8_size(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t size = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : *at >> 3 == 30 ? 4 : 0;
    for (size_t i = 1; i < size; i++)
        if (at[i] >> 6 != 2) return 0;
    bool wrong = (size == 2 && *at < 0xc2) || (size == 3 && *at == 0xe0 && at[1] < 0xa0) ||
                 (size == 3 && *at == 0xed && at[1] > 0x9f) ||
                 (size == 4 && *at == 0xf0 && at[1] < 0x90) ||
                 (size == 4 && (*at > 0xf4 || (*at == 0xf4 && at[1] > 0x8f)));
    return wrong ? 0 : size;
}

static bool key_check(const char *key, err *e)
{
    size_t at = 0;
    if (strlen(key) > TARGET_KEY_MAX)
        return err_set(e, ERR_LIMIT, "a key has at most %zu bytes", TARGET_KEY_MAX);
    while (key[at]) {
        size_t size = utf8_size(key + at);
        if (size == 0) return err_set(e, ERR_FORMAT, "the key is not UTF-8");
        at += size;
    }
    return true;
}

static bool parameters_read(const char *query, arena *memory, target *ret, err *e)
{
    span rest = span_text(query);
    span one = {0};
    ret->parameters = arena_alloc(memory, TARGET_PARAMETERS_MAX * sizeof *ret->parameters);
    while (span_cut(&rest, '&', &one)) {
        span value = one;
        span name = {0};
        if (one.size == 0 || !span_cut(&value, '=', &name)) continue;
        if (ret->count == TARGET_PARAMETERS_MAX)
            return err_set(e, ERR_LIMIT, "more than %zu parameters", TARGET_PARAMETERS_MAX);
        target_parameter *p = &ret->parameters[ret->count++];
        if (!decode(name, true, memory, &p->name, e) || !decode(value, true, memory, &p->value, e))
            return false;
    }
    return true;
}

/* The bucket in the host; NULL: it is not there. */
static const char *host_bucket(const char *host, arena *memory)
{
    size_t size = strcspn(host, ":");
    for (size_t i = 0; i < COUNT_OF(host_suffixes); i++) {
        size_t suffix = strlen(host_suffixes[i]);
        if (size > suffix && strncasecmp(host + size - suffix, host_suffixes[i], suffix) == 0)
            return arena_text(memory, span_of(host, size - suffix));
    }
    return NULL;
}

bool target_read(
    const char *host, const char *path, const char *query, arena *memory, target *ret, err *e)
{
    target t = {.bucket = "", .key = ""};
    const char *named = host_bucket(host, memory);
    span rest = span_text(path);
    span bucket = {0};
    if (rest.size > 0 && rest.at[0] == '/') rest = span_tail(rest, 1);
    if (!named && !span_cut(&rest, '/', &bucket)) bucket = span_text("");
    if (!decode(bucket, false, memory, &t.bucket, e) || !decode(rest, false, memory, &t.key, e) ||
        !key_check(t.key, e) || !parameters_read(query, memory, &t, e))
        return false;
    if (named) t.bucket = named;
    *ret = t;
    return true;
}

const char *target_parameter_of(const target *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->parameters[i].name, name) == 0) return t->parameters[i].value;
    return NULL;
}

static bool is_address(const char *bucket)
{
    size_t dots = 0;
    for (const char *at = bucket; *at; at++) {
        if (*at != '.' && !isdigit((unsigned char)*at)) return false;
        dots += *at == '.';
    }
    return dots == 3;
}

static bool is_word(char c)
{
    return islower((unsigned char)c) != 0 || isdigit((unsigned char)c) != 0;
}

/* 3 to 63 characters: labels of small letters, digits and dashes, with dots between them.
 * docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
bool target_bucket_is_good(const char *bucket)
{
    size_t size = strlen(bucket);
    if (size < 3 || size > 63 || is_address(bucket)) return false;
    if (!is_word(bucket[0]) || !is_word(bucket[size - 1])) return false;
    for (size_t i = 1; i < size; i++) {
        char c = bucket[i];
        if (!is_word(c) && c != '-' && c != '.') return false;
        bool joins = bucket[i - 1] == '.' || (c == '.' && bucket[i - 1] == '-');
        if (!is_word(c) && joins) return false;
    }
    return true;
}

bool target_source_read(const char *source, arena *memory, target *ret, err *e)
{
    size_t size = strcspn(source, "?");
    const char *path = arena_text(memory, span_of(source, size));
    return target_read("", path, source[size] ? source + size + 1 : "", memory, ret, e);
}

bool target_range(const char *range, uint64_t size, uint64_t *ret_first, uint64_t *ret_count)
{
    span rest = span_text(range);
    span from = {0};
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    if (!span_starts(rest, "bytes=")) return false;
    rest = span_tail(rest, 6);
    const uint8_t *dash = rest.size ? memchr(rest.at, '-', rest.size) : NULL;
    if (!dash) return false;
    from = span_of(rest.at, (size_t)(dash - rest.at));
    span to = span_tail(rest, from.size + 1);
    if (to.size > 0 && !span_to_u64(to, &last)) return false;
    if (from.size == 0) { /* so many from the end */
        if (to.size == 0) return false;
        *ret_count = last < size ? last : size;
        *ret_first = size - *ret_count;
        return true;
    }
    if (!span_to_u64(from, &first) || first > last) return false;
    *ret_first = first;
    *ret_count = first >= size ? 0 : last >= size ? size - first : last - first + 1;
    return true;
}
