/* Configuration files of any bytes, and the same bytes as INFO, CLIENT LIST and ACL LIST. Checked:
 * nothing is read out of bounds, line numbers rise and stay inside the text, every word ends with
 * a NUL inside the arena, and a line that was read without a problem, written with its words in
 * double quotes, reads as the same words again. */
#include "audit/conf.h"
#include "audit/parse.h"
#include "audit/settings.h"
#include "base/buf.h"

#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool word_write(buf *out, const char *word)
{
    bool fits = buf_text(out, " \"");
    for (const char *c = word; *c && fits; c++)
        fits = buf_printf(out, "\\x%02x", (unsigned)(uint8_t)*c);
    return fits && buf_u8(out, '"');
}

static void line_again(const conf_line *line)
{
    arena memory = {0};
    buf text = buf_of(8 * INPUT_MAX + 64);
    size_t count = 0;
    conf_line *again = NULL;
    bool fits = buf_text(&text, "name");
    for (size_t i = 0; i < line->word_count; i++)
        fits = fits && word_write(&text, line->words[i]);
    assert(fits);
    conf_read(buf_span(&text), &memory, &count, &again);
    assert(count == 1 && !again->problem);
    assert(again->word_count == line->word_count);
    for (size_t i = 0; i < line->word_count; i++)
        assert(strcmp(again->words[i], line->words[i]) == 0);
    buf_clear(&text);
    arena_clear(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX) return 0;
    uint8_t *copy = mem_alloc(size); /* alone in its memory, so that one read too far is seen */
    if (size) memcpy(copy, data, size);
    span text = span_of(copy, size);
    audit_facts f = {0};
    audit_node n = {.version = {.product = ENGINE_REDIS, .major = 7}};
    size_t count = 0;
    conf_line *lines = NULL;
    conf_read(text, &f.memory, &count, &lines);
    for (size_t i = 0; i < count; i++) {
        assert(lines[i].line > 0 && lines[i].line <= size + 1);
        assert(i == 0 || lines[i].line > lines[i - 1].line);
        if (!lines[i].problem && lines[i].word_count < 64) line_again(&lines[i]);
    }
    if (count < 256) settings_add_file(&f, &n, count, lines);
    arena_clear(&f.memory);
    arena memory = {0};
    audit_node read = {0};
    fact_user user = {0};
    parse_info(text, &memory, &read);
    parse_clients(text, &memory, &read);
    if (parse_user(text, &memory, &user)) assert(user.name && user.rules);
    arena_clear(&memory);
    free(copy);
    return 0;
}
