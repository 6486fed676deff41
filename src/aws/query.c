#include "aws/query.h"

#include <errno.h>

#include "base/clock.h"

bool aws_form_add(buf *form, const char *name, span value, err *e)
{
    if (form->max == 0) form->max = AWS_FORM_MAX;
    bool fits = buf_u8(form, '&') && buf_text(form, name) && buf_u8(form, '=') &&
                sigv4_encode(value, false, form);
    return fits || err_set(e, ERR_LIMIT, "parameters of more than %zu bytes", AWS_FORM_MAX);
}

static const xml_node *result_of(const xml_node *root, const char *action)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%sResult", action);
    const xml_node *result = xml_at(root, name);
    return result ? result : root;
}

bool aws_query(struct aws_session *s,
               const aws_action *a,
               int64_t deadline_ns,
               arena *memory,
               const xml_node **ret,
               aws_fault *ret_fault,
               err *e)
{
    static const sigv4_header type = {
        {(const uint8_t *)"Content-Type", 12},
        {(const uint8_t *)"application/x-www-form-urlencoded; charset=utf-8", 48}};
    CLEANUP(buf_clear) buf body = buf_of(AWS_FORM_MAX + 1024);
    CLEANUP(http_answer_clear) http_answer answer = {0};
    const xml_node *root = NULL;
    assert(a->service->version);
    bool fits = buf_printf(&body, "Action=%s&Version=%s", a->action, a->service->version) &&
                buf_append(&body, a->form);
    assert(fits); /* the form has its own, smaller limit */
    aws_request r = {.service = a->service,
                     .method = "POST",
                     .headers = &type,
                     .header_count = 1,
                     .body = buf_span(&body),
                     .once = a->once};
    *ret_fault = (aws_fault){0};
    if (!aws_send(s, &r, deadline_ns, &answer, ret_fault, e)) return err_wrap(e, "%s", a->action);
    if (!xml_read(buf_span(&answer.body), memory, &root, e)) {
        e->kind = ERR_AWS; /* something else than the service answers there */
        (void)err_hint(e, "look at AWS_ENDPOINT_URL and at proxies between here and there");
        return err_wrap(e, "%s: the answer of %s", a->action, a->service->name);
    }
    *ret = result_of(root, a->action);
    return true;
}

/* The name of the parameter that asks for the next page; NULL: this was the last. */
static const char *next_of(const xml_node *result, const char **ret_value)
{
    static const char *const names[] = {"Marker", "NextToken"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        *ret_value = xml_text(result, names[i]);
        if (**ret_value) return names[i];
    }
    return NULL;
}

static bool next_form(const aws_action *a, const char *name, const char *value, buf *form, err *e)
{
    form->size = 0;
    if (!buf_append(form, a->form))
        return err_set(e, ERR_LIMIT, "parameters of more than %zu bytes", AWS_FORM_MAX);
    return aws_form_add(form, name, span_text(value), e);
}

bool aws_query_pages(struct aws_session *s,
                     const aws_action *a,
                     int64_t deadline_ns,
                     aws_page *page,
                     void *context,
                     aws_fault *ret_fault,
                     err *e)
{
    CLEANUP(buf_clear) buf form = buf_of(AWS_FORM_MAX);
    CLEANUP(buf_clear) buf before = buf_of(AWS_FORM_MAX);
    aws_action one = *a;
    bool more = true;
    for (unsigned count = 0; more; count++) {
        arena memory = {0};
        const xml_node *result = NULL;
        const char *value = NULL;
        bool good = aws_query(s, &one, deadline_ns, &memory, &result, ret_fault, e) &&
                    page(context, result, e);
        const char *name = good ? next_of(result, &value) : NULL;
        more = name != NULL;
        if (more && (count == AWS_PAGES_MAX || span_is(buf_span(&before), value)))
            good = err_set(e, ERR_AWS, "%s: the pages of the answer have no end", a->action);
        before.size = 0;
        if (good && more) {
            good = buf_text(&before, value) && next_form(a, name, value, &form, e);
            one.form = buf_span(&form);
        }
        arena_clear(&memory);
        if (!good) return false;
    }
    return true;
}

bool aws_wait(const char *what,
              aws_check *check,
              void *context,
              int64_t every_ms,
              int64_t deadline_ns,
              err *e)
{
    for (;;) {
        err now = {0};
        wait_answer got = check(context, deadline_ns, &now);
        if (got == WAIT_DONE) return true;
        if (got == WAIT_FAILED) {
            *e = now;
            return err_wrap(e, "%s", what);
        }
        int left = deadline_left_ms(deadline_ns);
        if (left == 0) {
            (void)err_set(e, ERR_TIMEOUT, "%s: not in time%s%s", what, *now.text ? ", still: " : "",
                          now.text);
            return err_hint(e, "it may go on at AWS; the same command again waits further");
        }
        int64_t ms = every_ms < left ? every_ms : left;
        struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};
        while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
        }
    }
}
