#include "base/secret.h"

#include "base/mem.h"

void secret_set(secret *s, span value)
{
    secret_clear(s);
    s->at = mem_alloc(value.size);
    s->size = value.size;
    if (value.size) memcpy(s->at, value.at, value.size);
}

span secret_span(const secret *s)
{
    return span_of(s->at, s->size);
}

void secret_clear(secret *s)
{
    if (s->at) explicit_bzero(s->at, s->size);
    free(s->at);
    *s = (secret){0};
}

/* The '@' behind the user part: the last one of the text, for a password may hold '/', '?' and '@'
 * when somebody forgot to encode them, and must not be shown then either. The path of a Unix socket
 * may hold one too: there it is the last one in front of a '/', and none when no user is named. */
static const char *user_end(const char *url, const char *authority)
{
    if (strncmp(url, "unix://", strlen("unix://")) != 0) return strrchr(authority, '@');
    const char *last = NULL;
    for (const char *at = authority; *authority != '/' && (at = strstr(at, "@/")); at++)
        last = at;
    return last;
}

/* From behind the first ':' of the user part to its end. */
static bool find_password(const char *url, const char **ret_from, const char **ret_end)
{
    const char *authority = strstr(url, "://");
    if (!authority || strncmp(url, "file:", strlen("file:")) == 0) return false;
    authority += 3;
    const char *at = user_end(url, authority);
    if (!at) return false;
    const char *colon = memchr(authority, ':', (size_t)(at - authority));
    if (!colon || colon + 1 == at) return false;
    *ret_from = colon + 1;
    *ret_end = at;
    return true;
}

bool secret_in_url(const char *url)
{
    const char *from = NULL;
    const char *end = NULL;
    return find_password(url, &from, &end);
}

/* Percent signs decoded; one that is not followed by two digits stands for itself. */
static size_t decode(const char *from, size_t size, uint8_t *ret)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        int high = from[i] == '%' && size - i > 2 ? hex_digit((uint8_t)from[i + 1]) : -1;
        int low = high >= 0 ? hex_digit((uint8_t)from[i + 2]) : -1;
        ret[used++] = low >= 0 ? (uint8_t)(high * 16 + low) : (uint8_t)from[i];
        if (low >= 0) i += 2;
    }
    return used;
}

bool secret_cut_url(char *url, secret *ret, err *e)
{
    const char *from = NULL;
    const char *end = NULL;
    if (!find_password(url, &from, &end)) return true;
    size_t size = (size_t)(end - from);
    bool fits = size <= SECRET_SIZE_MAX;
    if (fits) {
        uint8_t plain[SECRET_SIZE_MAX];
        secret_set(ret, span_of(plain, decode(from, size, plain)));
        explicit_bzero(plain, sizeof plain);
    }
    size_t url_size = strlen(url);
    size_t keep = (size_t)(from - url) - 1; /* the ':' goes too */
    size_t tail = url_size - (size_t)(end - url);
    if (memcmp(url + keep - 3, "://", 3) == 0) { /* without a user the '@' goes too */
        end++;
        tail--;
    }
    memmove(url + keep, end, tail);
    explicit_bzero(url + keep + tail, url_size - keep - tail);
    if (fits) return true;
    return err_set(e, ERR_LIMIT, "the password of a URL has %zu bytes, the limit is %zu", size,
                   SECRET_SIZE_MAX);
}
