#include "audit/conf.h"

#define WORDS_MAX 1024

typedef struct {
    span in;
    size_t at;
    char *out; /* behind the last word: the line's own size and a NUL is room enough for all */
} word_reader;

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static uint8_t peek(const word_reader *r, size_t ahead)
{
    return r->at + ahead < r->in.size ? r->in.at[r->at + ahead] : 0;
}

/* Behind a backslash in double quotes. */
static uint8_t escape_read(word_reader *r)
{
    static const char letters[] = "nrtba";
    static const char values[] = "\n\r\t\b\a";
    uint8_t c = peek(r, 0);
    int high = hex_digit(peek(r, 1));
    int low = hex_digit(peek(r, 2));
    if (c == 'x' && high >= 0 && low >= 0) {
        r->at += 3;
        return (uint8_t)(high << 4 | low);
    }
    r->at++;
    const char *found = c ? strchr(letters, c) : NULL;
    return found ? (uint8_t)values[found - letters] : c;
}

/* A quoted part, its opening quote eaten; false: it is not closed, or something follows it. */
static bool quoted_read(word_reader *r, uint8_t quote, char *out, size_t *size)
{
    while (r->at < r->in.size) {
        uint8_t c = r->in.at[r->at++];
        if (c == quote) return r->at == r->in.size || is_blank(r->in.at[r->at]);
        if (c == '\\' && quote == '"' && r->at < r->in.size) {
            out[(*size)++] = (char)escape_read(r);
        } else if (c == '\\' && quote == '\'' && peek(r, 0) == '\'') {
            out[(*size)++] = '\'';
            r->at++;
        } else {
            out[(*size)++] = (char)c;
        }
    }
    return false;
}

static bool word_next(word_reader *r, const char **ret, bool *ret_end)
{
    while (r->at < r->in.size && is_blank(r->in.at[r->at]))
        r->at++;
    *ret_end = r->at == r->in.size;
    if (*ret_end) return true;
    char *word = r->out;
    size_t size = 0;
    while (r->at < r->in.size && !is_blank(r->in.at[r->at])) {
        uint8_t c = r->in.at[r->at++];
        if (c == '"' || c == '\'') {
            if (!quoted_read(r, c, word, &size)) return false;
            break;
        }
        word[size++] = (char)c;
    }
    word[size] = '\0';
    r->out += size + 1; /* a blank, a quote or the end stood there */
    *ret = word;
    return true;
}

static const char *lower(arena *memory, const char *word)
{
    char *copy = arena_text(memory, span_text(word));
    for (char *c = copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c | 0x20);
    return copy;
}

static bool line_read(span text, arena *memory, conf_line *ret)
{
    const char *words[WORDS_MAX];
    size_t count = 0;
    bool end = false;
    word_reader r = {.in = text, .out = arena_alloc(memory, text.size + 1)};
    bool good = word_next(&r, &words[0], &end);
    if (good && (end || words[0][0] == '#')) return false;
    while (good && !end && count < WORDS_MAX - 1) {
        count++;
        good = word_next(&r, &words[count], &end);
    }
    *ret = (conf_line){.name = count ? lower(memory, words[0]) : "",
                       .word_count = count ? count - 1 : 0,
                       .problem = !good  ? "unbalanced quotes"
                                  : !end ? "too many words"
                                         : NULL};
    if (ret->word_count == 0) return true;
    const char **kept = arena_alloc(memory, ret->word_count * sizeof *kept);
    memcpy(kept, words + 1, ret->word_count * sizeof *kept);
    ret->words = kept;
    return true;
}

void conf_read(span text, arena *memory, size_t *ret_count, conf_line **ret)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++)
        lines += text.at[i] == '\n';
    conf_line *found = arena_alloc(memory, lines * sizeof *found);
    size_t count = 0;
    span line = {0};
    for (unsigned number = 1; span_cut(&text, '\n', &line); number++) {
        if (!line_read(line, memory, &found[count])) continue;
        found[count++].line = number;
    }
    *ret_count = count;
    *ret = found;
}
