#include "base/json_text.h"

void json_text_begin(json_text *t, FILE *out)
{
    *t = (json_text){.out = out};
    (void)fputc('"', out);
}

/* The held bytes are not the begin of anything. */
static void held_escape(json_text *t)
{
    for (size_t i = 0; i < t->held_size; i++)
        (void)fprintf(t->out, "\\udc%02x", t->held[i]);
    t->held_size = 0;
}

static void ascii_write(FILE *out, uint8_t byte)
{
    static const char *const named[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    if (byte == '"' || byte == '\\') {
        (void)fputc('\\', out);
        (void)fputc(byte, out);
    } else if (byte >= 0x20) {
        (void)fputc(byte, out);
    } else if (named[byte]) {
        (void)fputs(named[byte], out);
    } else {
        (void)fprintf(out, "\\u%04x", byte);
    }
}

/* Bytes of the sequence that this one begins; 0: none does. RFC 3629, section 4. */
static size_t sequence_size(uint8_t first)
{
    if (first >= 0xc2 && first <= 0xdf) return 2;
    if (first >= 0xe0 && first <= 0xef) return 3;
    if (first >= 0xf0 && first <= 0xf4) return 4;
    return 0;
}

/* May this byte follow the held ones? The second is narrower than the others: no overlong forms,
 * no surrogates, nothing above U+10FFFF. */
static bool follows(const json_text *t, uint8_t byte)
{
    uint8_t first = t->held[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    if (t->held_size == 1) {
        if (first == 0xe0) low = 0xa0;
        if (first == 0xed) high = 0x9f;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f;
    }
    return byte >= low && byte <= high;
}

static void byte_add(json_text *t, uint8_t byte)
{
    if (t->held_size > 0 && follows(t, byte)) {
        t->held[t->held_size++] = byte;
        if (t->held_size < t->held_needs) return;
        (void)fwrite(t->held, 1, t->held_size, t->out);
        t->held_size = 0;
        return;
    }
    held_escape(t);
    if (byte < 0x80) {
        ascii_write(t->out, byte);
        return;
    }
    t->held[0] = byte;
    t->held_size = 1;
    t->held_needs = sequence_size(byte);
    if (t->held_needs == 0) held_escape(t);
}

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

void json_text_add(json_text *t, span piece)
{
    for (size_t i = 0; i < piece.size;) {
        size_t run = i;
        while (t->held_size == 0 && run < piece.size && is_plain(piece.at[run]))
            run++;
        if (run > i) {
            (void)fwrite(piece.at + i, 1, run - i, t->out);
            i = run;
            continue;
        }
        byte_add(t, piece.at[i++]);
    }
}

void json_text_end(json_text *t)
{
    held_escape(t);
    (void)fputc('"', t->out);
}

void json_text_write(FILE *out, span whole)
{
    json_text t;
    json_text_begin(&t, out);
    json_text_add(&t, whole);
    json_text_end(&t);
}
