#include "sandbox/http_watch.h"

#include "base/log.h"
#include "sandbox/cbor.h"
#include "sandbox/xml.h"
#include "watch/watch.h"

#define NAMESPACE_WATCH "http://monitoring.amazonaws.com/doc/2010-08-01/"
#define TARGET "GraniteServiceVersion20100801"
#define PATH_PREFIX "/service/" TARGET "/operation/"
#define LIST_MAX ((size_t)500) /* items of a list of the query protocol */
#define WALK_MAX 16

static const char *const content_types[] = {[WIRE_QUERY] = "text/xml",
                                            [WIRE_JSON] = "application/x-amz-json-1.0",
                                            [WIRE_CBOR] = "application/cbor"};

static const char *header(const auth_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->names[i], name) == 0) return r->values[i];
    return NULL;
}

watch_wire http_watch_wire(const auth_request *r)
{
    if (header(r, "X-Amz-Target")) return WIRE_JSON;
    if (header(r, "Smithy-Protocol") || strncmp(r->path, "/service/", 9) == 0) return WIRE_CBOR;
    return WIRE_QUERY;
}

/* --- the query protocol's names as a tree ---------------------------------------------------- */

/* The member of an object, or (number > 0) the item of a list; made when it is not there. NULL: it
 * is there and is something else. */
static json_t *member_in(json_t *in, const char *name, size_t number, bool is_list)
{
    json_t *found = number ? json_array_get(in, number - 1) : json_object_get(in, name);
    if (found && !json_is_null(found))
        return (is_list ? json_is_array(found) : json_is_object(found)) ? found : NULL;
    found = is_list ? json_array() : json_object();
    if (!number) return json_object_set_new(in, name, found) == 0 ? found : NULL;
    while (json_array_size(in) < number)
        (void)json_array_append_new(in, json_null());
    return json_array_set_new(in, number - 1, found) == 0 ? found : NULL;
}

/* The first of two pairs with one name counts. */
static bool value_put(json_t *in, const char *name, size_t number, const char *value)
{
    json_t *text = json_string(value);
    json_t *found = number ? json_array_get(in, number - 1) : json_object_get(in, name);
    if (!text || (found && !json_is_null(found))) {
        json_decref(text);
        return text != NULL;
    }
    if (!number) return json_object_set_new(in, name, text) == 0;
    while (json_array_size(in) < number)
        (void)json_array_append_new(in, json_null());
    return json_array_set_new(in, number - 1, text) == 0;
}

/* ".member.3" at the front: takes it off. 0: it is not there. */
static size_t number_take(span *rest)
{
    span after = *rest;
    span word = {0};
    uint64_t number = 0;
    if (!span_cut(&after, '.', &word) || !span_is(word, "member") ||
        !span_cut(&after, '.', &word) || !span_to_u64(word, &number) || number > LIST_MAX)
        return 0;
    *rest = after;
    return (size_t)number;
}

static bool pair_put(json_t *root, const form_pair *p)
{
    json_t *in = root;
    span rest = span_text(p->name);
    for (size_t i = 0; i < WALK_MAX; i++) {
        char name[256];
        span word = {0};
        if (!span_cut(&rest, '.', &word) || word.size == 0 || word.size >= sizeof name)
            return false;
        memcpy(name, word.at, word.size);
        name[word.size] = '\0';
        size_t number = number_take(&rest);
        if (number) in = member_in(in, name, 0, true);
        if (!in) return false;
        if (rest.size == 0) return value_put(in, name, number, p->value);
        in = member_in(in, name, number, false);
        if (!in) return false;
    }
    return false;
}

bool http_watch_tree(const form *q, json_t **ret, err *e)
{
    json_t *root = json_object();
    for (size_t i = 0; i < q->count; i++) {
        const char *name = q->pairs[i].name;
        if (strcmp(name, "Action") == 0 || strcmp(name, "Version") == 0) continue;
        if (strncmp(name, "X-Amz-", 6) == 0) continue; /* of a presigned call */
        if (pair_put(root, &q->pairs[i])) continue;
        json_decref(root);
        return err_set(e, ERR_FORMAT, "the parameter '%s' is not well formed",
                       span_show(span_text(name)).text);
    }
    *ret = root;
    return true;
}

/* --- calls ----------------------------------------------------------------------------------- */

typedef struct {
    const char *operation; /* "" when it is not known */
    json_t *call;
} watch_request;

static bool query_read(const auth_request *r, arena *memory, watch_request *ret, watch_fault *f)
{
    form q = {0};
    err e = {0};
    span fields = strcmp(r->method, "POST") == 0 ? r->body : span_text(r->query);
    if (!form_parse(fields, memory, &q, &e) || !http_watch_tree(&q, &ret->call, &e)) {
        *f = (watch_fault){.status = 400, .code = "MalformedQueryString"};
        (void)snprintf(f->message, sizeof f->message, "%s", e.text);
        return false;
    }
    const char *action = form_text(&q, "Action");
    ret->operation = action ? action : "";
    if (action) return true;
    *f = (watch_fault){400, "MissingAction", "The request must contain an Action."};
    return false;
}

static bool not_read(watch_fault *f, const char *why)
{
    *f = (watch_fault){.status = 400, .code = "SerializationException"};
    (void)snprintf(f->message, sizeof f->message, "The body of the call is malformed: %.400s", why);
    return false;
}

static bool not_kept(watch_fault *f, const err *e)
{
    *f = (watch_fault){.status = 500, .code = "InternalServiceError"};
    (void)snprintf(f->message, sizeof f->message, "%.400s", e->text);
    return false;
}

static bool json_read(const auth_request *r, watch_request *ret, watch_fault *f)
{
    json_error_t why;
    const char *target = header(r, "X-Amz-Target");
    if (strncmp(target, TARGET ".", strlen(TARGET) + 1) != 0) {
        *f = (watch_fault){.status = 400, .code = "UnknownOperationException"};
        return false;
    }
    ret->operation = target + strlen(TARGET) + 1;
    ret->call = r->body.size == 0 ? json_object()
                                  : json_loadb((const char *)r->body.at, r->body.size,
                                               JSON_REJECT_DUPLICATES, &why);
    return ret->call || not_read(f, why.text);
}

static bool cbor_call_read(const auth_request *r, watch_request *ret, watch_fault *f)
{
    err e = {0};
    if (strncmp(r->path, PATH_PREFIX, strlen(PATH_PREFIX)) != 0) {
        *f = (watch_fault){.status = 404, .code = "UnknownOperationException"};
        return false;
    }
    ret->operation = r->path + strlen(PATH_PREFIX);
    if (r->body.size == 0) {
        ret->call = json_object();
        return true;
    }
    return cbor_read(r->body, &ret->call, &e) || not_read(f, e.text);
}

/* --- answers --------------------------------------------------------------------------------- */

/* What the model calls a fault that the query protocol calls otherwise. */
static const char *fault_shape(const char *code)
{
    static const char *const shapes[][2] = {
        {"InvalidParameterValue", "InvalidParameterValueException"},
        {"InvalidParameterCombination", "InvalidParameterCombinationException"},
        {"MissingParameter", "MissingRequiredParameterException"},
        {"LimitExceeded", "LimitExceededFault"},
        {"InternalServiceError", "InternalServiceFault"},
    };
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        if (strcmp(shapes[i][0], code) == 0) return shapes[i][1];
    return code;
}

/* Times of an answer as the query protocol has them. Goes through it level by level. */
static void times_as_text(json_t *root)
{
    json_t *open[WALK_MAX] = {root};
    void *at[WALK_MAX] = {json_object_iter(root)};
    size_t index[WALK_MAX] = {0};
    bool is_time[WALK_MAX] = {false};
    size_t depth = 1;
    while (depth > 0) {
        json_t *in = open[depth - 1];
        bool in_list = json_is_array(in);
        size_t item = index[depth - 1];
        void *place = at[depth - 1];
        json_t *value = in_list ? json_array_get(in, item) : json_object_iter_value(place);
        if (!value) {
            depth--;
            continue;
        }
        bool time =
            in_list ? is_time[depth - 1] : strstr(json_object_iter_key(place), "Timestamp") != NULL;
        if (time && json_is_real(value)) {
            int64_t ms = (int64_t)(json_real_value(value) * 1000 + 0.5);
            json_t *text = json_string(ms % 1000 ? clock_show_ms(ms).text : clock_show(ms).text);
            if (in_list) (void)json_array_set_new(in, item, text);
            if (!in_list) (void)json_object_iter_set_new(in, place, text);
            value = text; /* the number is gone */
        }
        index[depth - 1]++;
        if (!in_list) at[depth - 1] = json_object_iter_next(in, place);
        if ((!json_is_object(value) && !json_is_array(value)) || depth == WALK_MAX) continue;
        open[depth] = value;
        at[depth] = json_object_iter(value);
        index[depth] = 0;
        is_time[depth++] = time;
    }
}

static bool json_write(json_t *value, buf *out)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17));
    bool done = text && buf_text(out, text);
    free(text);
    return done;
}

bool http_watch_write(
    watch_wire wire, const char *operation, const char *id, json_t *result, buf *out)
{
    xml_frame frame = {.namespace_uri = NAMESPACE_WATCH, .operation = operation, .request_id = id};
    json_t *nothing = json_object();
    bool done = wire == WIRE_JSON   ? json_write(result ? result : nothing, out)
                : wire == WIRE_CBOR ? cbor_write(result ? result : nothing, out)
                                    : (times_as_text(result), xml_answer(out, &frame, result));
    json_decref(nothing);
    return done;
}

static bool fault_write(watch_wire wire, const xml_frame *frame, const watch_fault *f, buf *out)
{
    if (wire == WIRE_QUERY) return xml_error(out, frame, f->status < 500, f->code, f->message);
    char type[160];
    (void)snprintf(type, sizeof type, "com.amazonaws.cloudwatch#%s", fault_shape(f->code));
    json_t *told = json_pack("{s:s,s:s}", "__type", type, "message", f->message);
    bool done = wire == WIRE_JSON ? json_write(told, out) : cbor_write(told, out);
    json_decref(told);
    return done;
}

static void fault_reply(watch_wire wire, const watch_fault *f, const char *id, watch_reply *ret)
{
    xml_frame frame = {.namespace_uri = NAMESPACE_WATCH, .operation = "", .request_id = id};
    *ret = (watch_reply){
        .status = f->status, .body = buf_of(XML_ANSWER_MAX), .content_type = content_types[wire]};
    if (wire != WIRE_QUERY) {
        (void)snprintf(ret->fault, sizeof ret->fault, "%s;%s", f->code,
                       f->status < 500 ? "Sender" : "Receiver");
    }
    if (!fault_write(wire, &frame, f, &ret->body)) log_debug("sandbox: a fault was too long");
}

void http_watch_refuse(watch_wire wire, const api_error *e, const char *id, watch_reply *ret)
{
    watch_fault f = {.status = e->status, .code = e->code};
    (void)snprintf(f.message, sizeof f.message, "%s", e->message);
    fault_reply(wire, &f, id, ret);
}

void watch_reply_clear(watch_reply *r)
{
    buf_clear(&r->body);
}

static bool
call_read(watch_wire wire, const auth_request *r, arena *memory, watch_request *ret, watch_fault *f)
{
    switch (wire) {
    case WIRE_JSON:
        return json_read(r, ret, f);
    case WIRE_CBOR:
        return cbor_call_read(r, ret, f);
    case WIRE_QUERY:
        break;
    }
    return query_read(r, memory, ret, f);
}

void http_watch_run(
    sandbox *s, const auth_request *r, const char *id, arena *memory, watch_reply *ret)
{
    watch_wire wire = http_watch_wire(r);
    watch_request q = {.operation = ""};
    watch_fault f = {0};
    json_t *result = NULL;
    bool done = call_read(wire, r, memory, &q, &f);
    if (done) {
        (void)pthread_mutex_lock(&s->lock);
        done = watch_call(s->watch, q.operation, q.call, &result, &f);
        err e = {0};
        if (watch_has_changed(s->watch) && !state_save(s, &e)) done = not_kept(&f, &e);
        (void)pthread_mutex_unlock(&s->lock);
    }
    *ret = (watch_reply){
        .status = 200, .body = buf_of(XML_ANSWER_MAX), .content_type = content_types[wire]};
    if (done && !http_watch_write(wire, q.operation, id, result, &ret->body)) {
        done = false;
        f = (watch_fault){500, "InternalServiceError", "The answer is too large."};
        buf_clear(&ret->body);
    }
    if (!done) {
        log_debug("sandbox: monitoring: %s: %s: %s", span_show(span_text(q.operation)).text, f.code,
                  f.message);
        fault_reply(wire, &f, id, ret);
    }
    json_decref(result);
    json_decref(q.call);
}
