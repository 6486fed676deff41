#include "sandbox/cbor.h"

#include <math.h>

#include "base/cursor.h"

enum { UNSIGNED, NEGATIVE, BYTES, TEXT, LIST, MAP, TAG, SIMPLE };
#define INFO_OPEN 31 /* of unknown length; of SIMPLE: the end of such a one */
#define TAG_TIME 1

/* --- reading --------------------------------------------------------------------------------- */

typedef struct {
    unsigned major;
    unsigned info;
    uint64_t value; /* of the argument; of a float its bits */
    bool open;
} head;

typedef struct {
    json_t *value; /* held by the level above it, but for the first */
    json_t *key;   /* of a map: of the value that comes next */
    uint64_t left; /* values, or pairs, still to come */
    bool open;
} level;

typedef struct {
    cursor in;
    level levels[CBOR_DEPTH_MAX];
    size_t depth;
    size_t items;
    json_t *root;
    buf text;
    err *e;
} reader;

static bool bad(reader *r, const char *what)
{
    (void)err_at(r->e, ERR_FORMAT, r->in.offset, "CBOR: %s", what);
    return false;
}

static bool head_read(reader *r, head *ret)
{
    uint8_t first = 0;
    if (!cursor_u8(&r->in, &first)) return bad(r, "it ends too early");
    *ret = (head){.major = first >> 5, .info = first & 31, .value = first & 31};
    if (ret->info < 24) return true;
    if (ret->info == INFO_OPEN) {
        ret->open = ret->major >= BYTES && ret->major != TAG;
        return ret->open || bad(r, "no such length");
    }
    if (ret->info > 27) return bad(r, "no such length");
    return cursor_be(&r->in, (size_t)1 << (ret->info - 24), &ret->value) ||
           bad(r, "it ends too early");
}

static bool piece_read(reader *r, uint64_t size)
{
    span s;
    if (!cursor_take(&r->in, size_min((size_t)size, SIZE_MAX), &s))
        return bad(r, "a text is longer than the body");
    return buf_append(&r->text, s) || bad(r, "a text is too long");
}

/* A text, also one that comes in pieces. */
static bool text_read(reader *r, const head *h, json_t **ret)
{
    r->text.size = 0;
    if (!h->open && !piece_read(r, h->value)) return false;
    while (h->open) {
        head part;
        if (!head_read(r, &part)) return false;
        if (part.major == SIMPLE && part.open) break;
        if (part.major != TEXT || part.open) return bad(r, "a piece of a text is none");
        if (!piece_read(r, part.value)) return false;
    }
    /* As of JSON, whose reader takes none: what is kept of a call is read again as JSON. */
    if (r->text.size > 0 && memchr(r->text.at, 0, r->text.size))
        return bad(r, "a zero byte in a text");
    *ret = json_stringn(r->text.at ? (const char *)r->text.at : "", r->text.size);
    return *ret || bad(r, "a text is not UTF-8");
}

static double half(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023);
    double value = exponent == 0    ? ldexp(fraction, -24)
                   : exponent != 31 ? ldexp(fraction + 1024, exponent - 25)
                                    : NAN;
    return bits & 0x8000 ? -value : value;
}

static bool simple_read(reader *r, const head *h, json_t **ret)
{
    double value = NAN;
    float narrow = 0;
    if (h->info == 20 || h->info == 21) *ret = json_boolean(h->info == 21);
    if (h->info == 22 || h->info == 23) *ret = json_null();
    if (*ret) return true;
    if (h->info == 25) value = half(h->value);
    if (h->info == 26) {
        uint32_t bits = (uint32_t)h->value;
        memcpy(&narrow, &bits, sizeof narrow);
        value = (double)narrow;
    }
    if (h->info == 27) memcpy(&value, &h->value, sizeof value);
    if (!isfinite(value)) return bad(r, "a value that is none here");
    *ret = json_real(value);
    return true;
}

static json_t *whole(const head *h)
{
    if (h->value > INT64_MAX)
        return json_real(h->major == UNSIGNED ? (double)h->value : -1 - (double)h->value);
    return json_integer(h->major == UNSIGNED ? (json_int_t)h->value : -1 - (json_int_t)h->value);
}

/* Into the value that is open; the first one is the whole. */
static void attach(reader *r, json_t *value)
{
    level *l = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    if (!l) {
        r->root = value;
    } else if (json_is_array(l->value)) {
        (void)json_array_append_new(l->value, value);
    } else {
        (void)json_object_setn_new(l->value, json_string_value(l->key), json_string_length(l->key),
                                   value);
        json_decref(l->key);
        l->key = NULL;
    }
}

static bool value_read(reader *r, const head *h)
{
    json_t *value = NULL;
    switch (h->major) {
    case UNSIGNED:
    case NEGATIVE:
        value = whole(h);
        break;
    case TEXT:
        if (!text_read(r, h, &value)) return false;
        break;
    case LIST:
    case MAP:
        if (r->depth == CBOR_DEPTH_MAX) return bad(r, "too deep");
        value = h->major == LIST ? json_array() : json_object();
        attach(r, value);
        r->levels[r->depth++] = (level){.value = value, .left = h->value, .open = h->open};
        return true;
    case SIMPLE:
        if (!simple_read(r, h, &value)) return false;
        break;
    default:
        return bad(r, "a kind of value that is none here");
    }
    attach(r, value);
    return true;
}

/* Levels that have all they hold are closed; false: nothing is left to be read. */
static bool more(reader *r)
{
    while (r->depth > 0) {
        level *l = &r->levels[r->depth - 1];
        if (l->open || l->left > 0) return true;
        r->depth--;
    }
    return r->root == NULL;
}

static bool item_read(reader *r)
{
    level *l = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    head h;
    if (++r->items > CBOR_ITEMS_MAX) return bad(r, "too many values");
    if (!head_read(r, &h)) return false;
    if (h.major == SIMPLE && h.open) {
        if (!l || !l->open || l->key) return bad(r, "an end of nothing");
        l->open = false;
        l->left = 0;
        return true;
    }
    if (l && json_is_object(l->value) && !l->key) {
        if (h.major != TEXT) return bad(r, "a name that is no text");
        return text_read(r, &h, &l->key);
    }
    while (h.major == TAG) { /* a time is taken as its number */
        if (h.value != TAG_TIME) return bad(r, "a tag that is none here");
        if (++r->items > CBOR_ITEMS_MAX) return bad(r, "too many values");
        if (!head_read(r, &h)) return false;
    }
    if (l && !l->open) l->left--;
    return value_read(r, &h);
}

bool cbor_read(span body, json_t **ret, err *e)
{
    reader r = {.in = cursor_of(body), .text = buf_of(body.size), .e = e};
    bool good = true;
    while (good && more(&r))
        good = item_read(&r);
    if (good && cursor_left(&r.in) > 0) good = bad(&r, "more than one value");
    for (size_t i = 0; i < r.depth; i++)
        json_decref(r.levels[i].key);
    buf_clear(&r.text);
    if (good) *ret = r.root;
    if (!good) json_decref(r.root);
    return good;
}

/* --- writing --------------------------------------------------------------------------------- */

static bool head_write(buf *out, unsigned major, uint64_t value)
{
    uint8_t first = (uint8_t)(major << 5);
    if (value < 24) return buf_u8(out, (uint8_t)(first | value));
    unsigned power = value > UINT32_MAX ? 3 : value > UINT16_MAX ? 2 : value > UINT8_MAX ? 1 : 0;
    return buf_u8(out, (uint8_t)(first | (24 + power))) && buf_be(out, (size_t)1 << power, value);
}

static bool text_write(buf *out, const char *text, size_t size)
{
    return head_write(out, TEXT, size) && buf_append(out, span_of(text, size));
}

static bool real_write(buf *out, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return buf_u8(out, SIMPLE << 5 | 27) && buf_be(out, 8, bits);
}

static bool leaf_write(buf *out, json_t *value, bool is_time)
{
    if (json_is_string(value))
        return text_write(out, json_string_value(value), json_string_length(value));
    if (json_is_boolean(value)) return buf_u8(out, SIMPLE << 5 | (json_is_true(value) ? 21 : 20));
    if (json_is_null(value)) return buf_u8(out, SIMPLE << 5 | 22);
    if (json_is_real(value)) {
        return (!is_time || head_write(out, TAG, TAG_TIME)) &&
               real_write(out, json_real_value(value));
    }
    json_int_t number = json_integer_value(value);
    return number < 0 ? head_write(out, NEGATIVE, (uint64_t)(-1 - number))
                      : head_write(out, UNSIGNED, (uint64_t)number);
}

typedef struct {
    json_t *value;
    void *iter;
    size_t index;
    bool is_time;
} place;

static bool place_open(buf *out, place *p, json_t *value, bool is_time)
{
    *p = (place){.value = value, .iter = json_object_iter(value), .is_time = is_time};
    return json_is_array(value) ? head_write(out, LIST, json_array_size(value))
                                : head_write(out, MAP, json_object_size(value));
}

/* The next value of this level, with its name written. NULL: it has no more. */
static json_t *place_next(buf *out, place *p, bool *is_time, bool *fits)
{
    if (json_is_array(p->value)) {
        *is_time = p->is_time;
        return json_array_get(p->value, p->index++);
    }
    if (!p->iter) return NULL;
    const char *name = json_object_iter_key(p->iter);
    json_t *value = json_object_iter_value(p->iter);
    p->iter = json_object_iter_next(p->value, p->iter);
    *is_time = strstr(name, "Timestamp") != NULL;
    *fits = text_write(out, name, strlen(name));
    return value;
}

bool cbor_write(json_t *value, buf *out)
{
    place places[CBOR_DEPTH_MAX];
    size_t depth = 1;
    if (!json_is_array(value) && !json_is_object(value)) return leaf_write(out, value, false);
    if (!place_open(out, &places[0], value, false)) return false;
    while (depth > 0) {
        bool is_time = false;
        bool fits = true;
        json_t *next = place_next(out, &places[depth - 1], &is_time, &fits);
        if (!fits) return false;
        if (!next) {
            depth--;
        } else if (!json_is_array(next) && !json_is_object(next)) {
            if (!leaf_write(out, next, is_time)) return false;
        } else {
            if (depth == CBOR_DEPTH_MAX || !place_open(out, &places[depth], next, is_time))
                return false;
            depth++;
        }
    }
    return true;
}
