#include "sandbox/dns.h"

#define HEADER 12
#define TYPE_A 1
#define CLASS_IN 1
#define NO_NAME 3
#define NOT_IMPLEMENTED 4
#define REFUSED 5
#define FORMAT_ERROR 1

typedef struct {
    char name[256];
    unsigned type;
    unsigned class;
    size_t end; /* behind the question */
} question;

static unsigned two(span m, size_t at)
{
    return (unsigned)m.at[at] << 8 | m.at[at + 1];
}

/* The one question; compression is not used in it. */
static bool question_read(span m, question *ret)
{
    size_t at = HEADER;
    size_t used = 0;
    while (at < m.size && m.at[at] != 0) {
        size_t size = m.at[at];
        if (size > 63 || m.size - at <= size + 1 || used + size + 2 > sizeof ret->name)
            return false;
        if (used > 0) ret->name[used++] = '.';
        for (size_t i = 1; i <= size; i++) {
            uint8_t c = m.at[at + i];
            if (c <= ' ' || c > '~' || c == '.') c = '?'; /* no name of ours */
            ret->name[used++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        at += size + 1;
    }
    ret->name[used] = '\0';
    if (at >= m.size || m.size - at < 5) return false;
    ret->type = two(m, at + 1);
    ret->class = two(m, at + 3);
    ret->end = at + 5;
    return true;
}

static bool in_zone(const char *name)
{
    size_t size = strlen(name);
    size_t zone = strlen(NAME_SUFFIX);
    return size >= zone && strcmp(name + size - zone, NAME_SUFFIX) == 0 &&
           (size == zone || name[size - zone - 1] == '.');
}

static bool header_write(span m, unsigned code, size_t questions, size_t answers, buf *out)
{
    unsigned flags = 0x8400U | (two(m, 2) & 0x7900U) | code; /* an answer, authoritative */
    return buf_append(out, span_of(m.at, 2)) && buf_be(out, 2, flags) &&
           buf_be(out, 2, questions) && buf_be(out, 2, answers) && buf_be(out, 4, 0);
}

bool dns_answer(span m, dns_lookup *lookup, void *context, buf *out)
{
    question q;
    dns_addresses found = {0};
    out->size = 0;
    if (m.size < HEADER || (m.at[2] & 0x80) != 0) return false;
    if ((m.at[2] & 0x78) != 0) return header_write(m, NOT_IMPLEMENTED, 0, 0, out);
    if (two(m, 4) != 1 || !question_read(m, &q)) return header_write(m, FORMAT_ERROR, 0, 0, out);
    bool ours = in_zone(q.name) && q.class == CLASS_IN;
    bool exists = ours && lookup(context, q.name, &found);
    size_t count = q.type == TYPE_A ? found.count : 0;
    unsigned code = !ours ? REFUSED : !exists ? NO_NAME : 0;
    if (!header_write(m, code, 1, count, out) ||
        !buf_append(out, span_of(m.at + HEADER, q.end - HEADER)))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!buf_be(out, 2, 0xc000U | HEADER) || !buf_be(out, 2, TYPE_A) ||
            !buf_be(out, 2, CLASS_IN) || !buf_be(out, 4, DNS_TTL_S) || !buf_be(out, 2, 4) ||
            !buf_append(out, span_of(found.at[i], 4)))
            return false;
    }
    return true;
}
