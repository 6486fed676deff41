/* Answers: XML, heads, dates. */
#include "store/store_internal.h"

#include <stdarg.h>

#include "aws/xml.h"
#include "base/clock.h"

#define NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"

/* What does not fit makes the whole too large: answer_end tells. */
static void put(struct store_call *c, bool fits)
{
    if (!fits) c->answer.body.max = 0;
}

void answer_head(struct store_call *c, const char *name, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!c->answer.head.max) c->answer.head = buf_of(64 * KIB);
    bool fits = size >= 0 && (size_t)size < sizeof text && *text &&
                buf_printf(&c->answer.head, "%s: %s\n", name, text);
    if (!fits && *text) c->answer.head.max = 0; /* a head without one of its lines is none */
}

void answer_begin(struct store_call *c, const char *root)
{
    c->answer.status = 200;
    c->answer.body = buf_of(ANSWER_MAX);
    answer_head(c, "Content-Type", "application/xml");
    put(c, buf_printf(&c->answer.body,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"" NAMESPACE "\">",
                      root));
}

void answer_open(struct store_call *c, const char *name)
{
    put(c, buf_printf(&c->answer.body, "<%s>", name));
}

void answer_close(struct store_call *c, const char *name)
{
    put(c, buf_printf(&c->answer.body, "</%s>", name));
}

void answer_text(struct store_call *c, const char *name, const char *text)
{
    answer_open(c, name);
    put(c, xml_escape(span_text(text), &c->answer.body));
    answer_close(c, name);
}

void answer_number(struct store_call *c, const char *name, uint64_t number)
{
    put(c, buf_printf(&c->answer.body, "<%s>%" PRIu64 "</%s>", name, number, name));
}

void answer_time(struct store_call *c, const char *name, int64_t wall_ms)
{
    answer_text(c, name, clock_show_ms(wall_ms / 1000 * 1000).text);
}

void answer_etag(struct store_call *c, const char *etag)
{
    put(c, buf_printf(&c->answer.body, "<ETag>&quot;%s&quot;</ETag>", etag));
}

void answer_owner(struct store_call *c, const char *name)
{
    put(c, buf_printf(&c->answer.body, "<%s><ID>%s</ID><DisplayName>sandbox</DisplayName></%s>",
                      name, c->s->owner, name));
}

bool answer_end(struct store_call *c, const char *root)
{
    answer_close(c, root);
    c->answer.length = c->answer.body.size;
    if (c->answer.body.max > 0) return true;
    return store_fail(c, "InternalError", "The answer is larger than the sandbox can give.");
}

http_date http_date_show(int64_t wall_ms)
{
    http_date d = {0};
    struct tm t = {0};
    time_t at = (time_t)(wall_ms / 1000);
    if (gmtime_r(&at, &t))
        (void)strftime(d.text, sizeof d.text, "%a, %d %b %Y %H:%M:%S GMT", &t); /* it fits */
    return d;
}

bool http_date_read(const char *text, int64_t *ret_wall_ms)
{
    struct tm t = {0};
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &t);
    if (!end || *end) return false;
    *ret_wall_ms = (int64_t)timegm(&t) * 1000;
    return true;
}
