#include "audit/promql.h"

#include "base/buf.h"

#define SHAPE_SIZE_MAX (16 * KIB)

typedef enum { TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_SIGN, TOKEN_END } token_kind;

typedef struct {
    token_kind kind;
    const char *text; /* in the arena */
} token;

struct lexer {
    arena *memory;
    const char *at;
    promql *out;
    buf shape;
    bool in_matchers; /* inside { } */
    bool in_labels;   /* inside the ( ) of by, without, on … */
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_one_of(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(words[i], word) == 0) return true;
    return false;
}

bool promql_has(const promql_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i], name) == 0) return true;
    return false;
}

static void add_name(promql_names *names, const char *name)
{
    if (names->count < PROMQL_NAMES_MAX && !promql_has(names, name))
        names->at[names->count++] = name;
}

static const char *cut(struct lexer *x, const char *from, const char *to)
{
    return arena_text(x->memory, span_of(from, (size_t)(to - from)));
}

/* The text between quotes, its escapes left as they are: names have none. */
static token string_read(struct lexer *x)
{
    char quote = *x->at++;
    const char *start = x->at;
    while (*x->at && *x->at != quote)
        x->at += (*x->at == '\\' && quote != '`' && x->at[1]) ? 2 : 1;
    const char *text = cut(x, start, x->at);
    x->at += *x->at == quote;
    return (token){TOKEN_STRING, text};
}

static token sign_read(struct lexer *x)
{
    static const char *const two[] = {"==", "!=", ">=", "<=", "=~", "!~"};
    size_t size = 1;
    for (size_t i = 0; i < COUNT_OF(two); i++)
        if (strncmp(x->at, two[i], 2) == 0) size = 2;
    x->at += size;
    return (token){TOKEN_SIGN, cut(x, x->at - size, x->at)};
}

static token token_read(struct lexer *x)
{
    while (*x->at == '#' || (*x->at && strchr(" \t\r\n", *x->at)))
        x->at += *x->at == '#' ? strcspn(x->at, "\n") : 1;
    const char *start = x->at;
    if (!*start) return (token){.kind = TOKEN_END, .text = ""};
    if (is_letter(*start)) {
        while (is_letter(*x->at) || is_digit(*x->at))
            x->at++;
        return (token){TOKEN_NAME, cut(x, start, x->at)};
    }
    if (is_digit(*start) || (*start == '.' && is_digit(start[1]))) {
        while (is_digit(*x->at) || is_letter(*x->at) || *x->at == '.' ||
               (strchr("+-", *x->at) && *x->at && (x->at[-1] == 'e' || x->at[-1] == 'E')))
            x->at++;
        return (token){TOKEN_NUMBER, cut(x, start, x->at)};
    }
    if (strchr("\"'`", *start)) return string_read(x);
    return sign_read(x);
}

static token token_peek(const struct lexer *x)
{
    struct lexer copy = *x;
    return token_read(&copy);
}

static bool next_is(const struct lexer *x, const char *sign)
{
    token next = token_peek(x);
    return next.kind == TOKEN_SIGN && strcmp(next.text, sign) == 0;
}

/* The shape tells two rules alike whatever their numbers; one too long is cut, and matches less. */
static void shape_add(struct lexer *x, const char *text)
{
    if (!buf_printf(&x->shape, "%s ", text)) x->shape.max = x->shape.size;
}

unsigned promql_duration_s(const char *text)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1},
                 {"s", 1000},
                 {"m", 60000},
                 {"h", 3600000},
                 {"d", 86400000},
                 {"w", UINT64_C(604800000)},
                 {"y", 365 * UINT64_C(86400000)}};
    uint64_t total_ms = 0;
    while (is_digit(*text)) {
        size_t digits = strspn(text, "0123456789");
        size_t letters = strspn(text + digits, "smhdwy");
        uint64_t count = 0;
        if (digits > 9 || !span_to_u64(span_of(text, digits), &count)) return 0;
        uint64_t ms = 0;
        for (size_t i = 0; i < COUNT_OF(units); i++) {
            if (strlen(units[i].unit) == letters &&
                strncmp(units[i].unit, text + digits, letters) == 0)
                ms = units[i].ms;
        }
        total_ms += count * ms;
        text += digits + letters;
    }
    return total_ms / 1000 > UINT32_MAX ? UINT32_MAX : (unsigned)((total_ms + 999) / 1000);
}

/* Behind "[": the window, up to a ":" of a subquery. */
static void range_read(struct lexer *x)
{
    unsigned s = promql_duration_s(x->at + strspn(x->at, " "));
    if (s && (!x->out->range_s || s < x->out->range_s)) x->out->range_s = s;
    x->at += strcspn(x->at, "]");
    x->at += *x->at == ']';
}

/* Inside { }: label matchers, and names of metrics in two spellings. */
static void matcher_read(struct lexer *x, token t)
{
    bool names_metric = strcmp(t.text, "__name__") == 0;
    if (t.kind == TOKEN_STRING && (next_is(x, ",") || next_is(x, "}"))) {
        add_name(&x->out->metrics, t.text); /* {"redis_up", job="x"} */
        shape_add(x, t.text);
        return;
    }
    if (t.kind != TOKEN_NAME && t.kind != TOKEN_STRING) return;
    token sign = token_read(x);
    token value = token_read(x);
    if (!names_metric) {
        add_name(&x->out->labels, t.text);
    } else if (strcmp(sign.text, "=") == 0 && value.kind == TOKEN_STRING) {
        add_name(&x->out->metrics, value.text);
        shape_add(x, value.text);
    } else {
        x->out->has_name_pattern = true;
    }
}

static void name_read(struct lexer *x, token t)
{
    static const char *const list_heads[] = {"by",       "without",    "on",
                                             "ignoring", "group_left", "group_right"};
    static const char *const keywords[] = {"and", "or",    "unless", "bool", "inf",
                                           "nan", "atan2", "start",  "end"};
    shape_add(x, t.text);
    if (is_one_of(list_heads, COUNT_OF(list_heads), t.text)) {
        if (!next_is(x, "(")) return;
        (void)token_read(x); /* the bracket that was peeked at */
        x->in_labels = true;
    } else if (strcasecmp(t.text, "offset") == 0) {
        x->out->has_offset = true;
    } else if (next_is(x, "(")) {
        add_name(&x->out->functions, t.text);
        if (strcmp(t.text, "vector") == 0) x->out->has_default = true;
    } else if (is_one_of(list_heads, 2, token_peek(x).text)) {
        add_name(&x->out->functions, t.text); /* sum by (…) (…) */
    } else if (!is_one_of(keywords, COUNT_OF(keywords), t.text)) {
        add_name(&x->out->metrics, t.text);
    }
}

static void sign_use(struct lexer *x, token t)
{
    static const char *const comparisons[] = {"==", "!=", ">=", "<=", ">", "<"};
    if (strcmp(t.text, "[") == 0) {
        range_read(x);
        return;
    }
    if (strcmp(t.text, "{") == 0) {
        x->in_matchers = true;
        return;
    }
    shape_add(x, t.text);
    if (!is_one_of(comparisons, COUNT_OF(comparisons), t.text)) return;
    struct lexer ahead = *x;
    token next = token_read(&ahead);
    if (next.kind == TOKEN_NAME && strcasecmp(next.text, "bool") == 0) next = token_read(&ahead);
    double number = 0;
    if (next.kind != TOKEN_NUMBER || !span_to_double(span_text(next.text), &number)) return;
    x->out->comparison = t.text;
    x->out->threshold = number;
}

promql promql_read(arena *a, const char *text)
{
    promql out = {0};
    struct lexer x = {.memory = a, .at = text, .out = &out, .shape = buf_of(SHAPE_SIZE_MAX)};
    for (token t = token_read(&x); t.kind != TOKEN_END; t = token_read(&x)) {
        bool closes = t.kind == TOKEN_SIGN && strcmp(t.text, x.in_matchers ? "}" : ")") == 0;
        if (x.in_matchers) {
            if (closes) x.in_matchers = false;
            if (!closes) matcher_read(&x, t);
        } else if (x.in_labels) {
            if (closes) x.in_labels = false;
            if (t.kind == TOKEN_NAME) add_name(&out.labels, t.text);
        } else if (t.kind == TOKEN_NAME) {
            name_read(&x, t);
        } else if (t.kind == TOKEN_SIGN) {
            sign_use(&x, t);
        }
    }
    out.shape = arena_text(a, buf_span(&x.shape));
    buf_clear(&x.shape);
    return out;
}
