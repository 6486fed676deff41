#include "verify/print.h"

#include <jansson.h>

#include "base/clock.h"

static double rate(const verify_result *r)
{
    return r->seconds > 0 ? (double)r->compared / r->seconds : 0;
}

static void print_line(FILE *to, const char *name, uint64_t count)
{
    (void)fprintf(to, "  %-20s %12" PRIu64 "\n", name, count);
}

static void print_examples(const verify_result *r, verify_class class, FILE *to)
{
    uint64_t named = 0;
    for (size_t i = 0; i < r->example_count; i++) {
        const verify_example *x = &r->examples[i];
        if (x->class != class) continue;
        if (named++ == 0) (void)fprintf(to, "\n%s:\n", verify_class_name(class));
        char db[24] = "functions";
        if (x->db >= 0) (void)snprintf(db, sizeof db, "db %d", x->db);
        (void)fprintf(to, "  %s  '%s'  %s\n", db, span_show(x->key).text, x->detail);
    }
    if (r->counts[class] > named && named > 0)
        (void)fprintf(to, "  ... and %" PRIu64 " more\n", r->counts[class] - named);
}

static void print_functions(const verify_functions *f, FILE *to)
{
    if (f->source + f->target == 0) return;
    (void)fprintf(to,
                  "functions: %" PRIu64 " libraries on the source, %" PRIu64
                  " on the target: %" PRIu64 " missing, %" PRIu64 " extra, %" PRIu64 " different\n",
                  f->source, f->target, f->missing, f->extra, f->different);
}

void verify_print_text(const verify_result *r, FILE *to)
{
    uint64_t differences = verify_differences(r);
    (void)fprintf(to, "  %-20s %12s\n", "class", "keys");
    for (int c = VERIFY_EQUAL + 1; c < VERIFY_CLASSES; c++)
        print_line(to, verify_class_name((verify_class)c), r->counts[c]);
    for (int c = VERIFY_EQUAL + 1; c < VERIFY_CLASSES; c++)
        print_examples(r, (verify_class)c, to);
    if (r->counts[VERIFY_UNSETTLED] > 0) {
        (void)fprintf(to, "\nunsettled keys kept changing on both sides and were never seen equal: "
                          "verify again under a hold,\nor with less traffic\n");
    }
    (void)fprintf(to, "\n");
    for (size_t i = 0; i < r->db_count; i++) {
        (void)fprintf(to, "db %d: %" PRIu64 " keys on the source, %" PRIu64 " on the target\n",
                      r->dbs[i].db, r->dbs[i].compared, r->dbs[i].on_target);
    }
    print_functions(&r->functions, to);
    (void)fprintf(to,
                  "compared %" PRIu64 " keys, %.1f MB read, in %.2f s: %.0f keys/s; %" PRIu64
                  " read again, %" PRIu64 " element by element\n",
                  r->compared, (double)r->bytes / 1e6, r->seconds, rate(r), r->rechecked, r->large);
    if (r->held > 0) {
        (void)fprintf(to, "held: %" PRIu64 " keys have an expiry that is held back on the target\n",
                      r->held);
    }
    if (r->bookkeeping > 0) {
        (void)fprintf(to, "left out: %" PRIu64 " bookkeeping keys of handover on the target\n",
                      r->bookkeeping);
    }
    if (r->times > 0) {
        (void)fprintf(to,
                      "begun %s, interrupted %" PRIu64 " time%s; what was compared before counts\n",
                      clock_show(r->began_ms).text, r->times, r->times == 1 ? "" : "s");
    }
    if (differences == 0) {
        (void)fprintf(to, "equal\n");
    } else {
        (void)fprintf(to, "%" PRIu64 " difference%s\n", differences, differences == 1 ? "" : "s");
    }
}

static bool is_utf8(span s)
{
    json_t *text = json_stringn((const char *)s.at, s.size); /* jansson checks */
    bool good = text != NULL;
    json_decref(text);
    return good;
}

char *verify_key_text(span key, bool *ret_escaped)
{
    *ret_escaped = key.size > 0 && !is_utf8(key);
    if (!*ret_escaped) return mem_text(key);
    char *text = mem_alloc(key.size * 4 + 1);
    size_t used = 0;
    for (size_t i = 0; i < key.size; i++) {
        uint8_t byte = key.at[i];
        bool plain = byte >= 0x20 && byte < 0x7f && byte != '\\';
        int wrote = snprintf(text + used, 5, plain ? "%c" : "\\x%02x", (unsigned)byte);
        assert(wrote > 0);
        used += (size_t)wrote;
    }
    return text;
}

/* jansson takes over `value`; an object that grows never refuses but without memory. */
static void put(json_t *object, const char *name, json_t *value)
{
    int failed = json_object_set_new(object, name, value);
    assert(!failed);
}

static void put_count(json_t *object, const char *name, uint64_t count)
{
    put(object, name, json_integer((json_int_t)count));
}

static json_t *differences_json(const verify_result *r)
{
    json_t *object = json_object();
    for (int c = VERIFY_EQUAL + 1; c < VERIFY_UNSETTLED; c++)
        put_count(object, verify_class_name((verify_class)c), r->counts[c]);
    return object;
}

static json_t *examples_json(const verify_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->example_count; i++) {
        const verify_example *x = &r->examples[i];
        bool escaped = false;
        char *key = verify_key_text(x->key, &escaped);
        json_t *object = json_object();
        put(object, "class", json_string(verify_class_name(x->class)));
        put(object, "db", x->db >= 0 ? json_integer(x->db) : json_null());
        put(object, "key", json_stringn(key, escaped ? strlen(key) : x->key.size));
        put(object, "key_escaped", json_boolean(escaped));
        put(object, "detail", json_string(x->detail));
        int failed = json_array_append_new(list, object);
        assert(!failed);
        free(key);
    }
    return list;
}

static json_t *functions_json(const verify_functions *f)
{
    json_t *object = json_object();
    put(object, "compared", json_boolean(f->compared));
    put_count(object, "source", f->source);
    put_count(object, "target", f->target);
    put_count(object, "missing", f->missing);
    put_count(object, "extra", f->extra);
    put_count(object, "different", f->different);
    return object;
}

static json_t *dbs_json(const verify_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->db_count; i++) {
        json_t *object = json_object();
        put(object, "db", json_integer(r->dbs[i].db));
        put_count(object, "compared", r->dbs[i].compared);
        put_count(object, "on_target", r->dbs[i].on_target);
        int failed = json_array_append_new(list, object);
        assert(!failed);
    }
    return list;
}

static json_t *result_json(const verify_result *r)
{
    json_t *root = json_object();
    json_t *keys = json_object();
    put(root, "result", json_string(verify_differences(r) == 0 ? "equal" : "different"));
    put_count(keys, "compared", r->compared);
    put_count(keys, "held", r->held);
    put_count(keys, "rechecked", r->rechecked);
    put_count(keys, "large", r->large);
    put_count(keys, "bookkeeping", r->bookkeeping);
    put(root, "keys", keys);
    put(root, "differences", differences_json(r));
    put_count(root, "unsettled", r->counts[VERIFY_UNSETTLED]);
    put(root, "examples", examples_json(r));
    put(root, "functions", functions_json(&r->functions));
    put(root, "databases", dbs_json(r));
    put(root, "began_ms", json_integer(r->began_ms));
    put_count(root, "interrupted", r->times);
    put_count(root, "bytes", r->bytes);
    put(root, "seconds", json_real(r->seconds));
    put(root, "keys_per_s", json_integer((json_int_t)rate(r)));
    return root;
}

char *verify_json(const verify_result *r)
{
    json_t *root = result_json(r);
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6));
    assert(text);
    json_decref(root);
    return text;
}

bool verify_print_json(const verify_result *r, FILE *to)
{
    json_t *root = result_json(r);
    int failed = json_dumpf(root, to, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(root);
    return !failed && fputc('\n', to) != EOF && fflush(to) == 0;
}
