/* What comes to the stand-in of CloudWatch: the first byte tells by which way. Checked: nothing is
 * read out of bounds, CBOR that was read is written and read again as the same, and a call of any
 * form is answered or refused with a code. */
#include <math.h>

#include "sandbox/cbor.h"
#include "sandbox/http_watch.h"
#include "watch/model.h"
#include "watch/times.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static watch *watch_make(json_t *alarms)
{
    watch_options o = {.region = "us-east-1", .account = "1", .minute_ms = 60000, .alarms = alarms};
    watch *w = NULL;
    err e = {0};
    if (!watch_new(&o, &w, &e)) abort();
    return w;
}

static void node_feed(watch *w, span info, int64_t minute)
{
    metrics_input in = {.info = info, .is_primary = true};
    watch_sample(w, "cart", "cart-001", &in, minute * 60000);
}

/* To every operation in turn, and the alarms that come of it are evaluated. */
static void call(json_t *tree)
{
    static const span info = {(const uint8_t *)"role:master\nused_memory:5\n", 26};
    static json_t *alarms;
    static watch *w; /* for all inputs: the tables are read once. Without alarms at each begin. */
    if (!w) {
        alarms = json_object();
        w = watch_make(alarms);
        for (int64_t i = 1; i < 4; i++)
            node_feed(w, info, i);
    }
    (void)json_object_clear(alarms);
    for (size_t i = 0; watch_operation_at(i); i++) {
        json_t *result = NULL;
        watch_fault f = {0};
        bool done = watch_call(w, watch_operation_at(i)->name, tree, &result, &f);
        if (done != (f.code == NULL)) abort();
        watch_turn(w, 240000);
        for (unsigned wire = WIRE_CBOR + 1; done && wire > WIRE_QUERY; wire--) {
            buf out = buf_of(16 * MIB); /* the last one changes the answer */
            if (!http_watch_write((watch_wire)(wire - 1), "Op", "id", result, &out)) abort();
            buf_clear(&out);
        }
        json_decref(result);
    }
}

static void form_call(span body)
{
    arena memory = {0};
    form q = {0};
    err e = {0};
    json_t *tree = NULL;
    if (form_parse(body, &memory, &q, &e) && http_watch_tree(&q, &tree, &e)) call(tree);
    json_decref(tree);
    arena_clear(&memory);
}

static void cbor_call(span body)
{
    err e = {0};
    json_t *value = NULL;
    json_t *again = NULL;
    if (!cbor_read(body, &value, &e)) return;
    buf out = buf_of(4 * MIB);
    if (cbor_write(value, &out)) {
        if (!cbor_read(buf_span(&out), &again, &e) || !json_equal(value, again)) abort();
        json_decref(again);
    }
    buf_clear(&out);
    call(value);
    json_decref(value);
}

static void json_call(span body)
{
    json_error_t why;
    json_t *value = json_loadb((const char *)body.at, body.size, JSON_REJECT_DUPLICATES, &why);
    if (value) call(value);
    json_decref(value);
}

/* What an engine says of itself, twice. */
static void samples(span info)
{
    json_t *alarms = json_object();
    watch *w = watch_make(alarms);
    node_feed(w, info, 1);
    node_feed(w, span_tail(info, info.size / 2), 2);
    watch_free(w);
    json_decref(alarms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t ms = 0;
    if (size < 1 || size > INPUT_MAX) return 0;
    span rest = span_of(data + 1, size - 1);
    switch (data[0]) {
    case 'q':
        form_call(rest);
        break;
    case 'c':
        cbor_call(rest);
        break;
    case 'j':
        json_call(rest);
        break;
    case 'i':
        samples(rest);
        break;
    case 't':
        if (times_read(rest, &ms) && llabs(ms) > INT64_C(400000000000000)) abort();
        break;
    default:
        break;
    }
    return 0;
}
