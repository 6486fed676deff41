#include "rdb/listpack.h"

#define HEADER_SIZE 6
#define COUNT_UNKNOWN 65535
#define END_MARK 0xff

bool listpack_open(rdb_pack *p, span blob, err *e)
{
    if (blob.size < HEADER_SIZE + 1) {
        (void)packed_bad(e, "listpack", blob.size, "it ends");
        return false;
    }
    uint64_t size = (uint64_t)packed_signed(blob.at, 4) & UINT32_MAX;
    uint64_t count = (uint64_t)packed_signed(blob.at + 4, 2) & UINT16_MAX;
    if (size != blob.size || blob.at[blob.size - 1] != END_MARK) {
        (void)packed_bad(e, "listpack", 0, "its size is wrong");
        return false;
    }
    p->at = HEADER_SIZE;
    p->count = count == COUNT_UNKNOWN ? UINT64_MAX : count;
    return true;
}

/* How a value begins: what its first byte says. */
typedef struct {
    size_t head;    /* bytes in front of the text; of a number: all its bytes */
    bool is_number; /* else a text whose length is in the head */
} listpack_form;

static listpack_form form_of(uint8_t mark)
{
    if (mark < 0x80) return (listpack_form){1, true};
    if (mark < 0xc0) return (listpack_form){1, false};
    if (mark < 0xe0) return (listpack_form){2, true};
    if (mark < 0xf0) return (listpack_form){2, false};
    switch (mark) {
    case 0xf0:
        return (listpack_form){5, false};
    case 0xf1:
        return (listpack_form){3, true};
    case 0xf2:
        return (listpack_form){4, true};
    case 0xf3:
        return (listpack_form){5, true};
    case 0xf4:
        return (listpack_form){9, true};
    default:
        return (listpack_form){0};
    }
}

static int64_t number_read(const uint8_t *at, size_t head)
{
    if (head == 1) return at[0];
    if (head > 2) return packed_signed(at + 1, head - 1);
    int64_t bits = (int64_t)((at[0] & 0x1fu) << 8 | at[1]); /* 13 bits, signed */
    return bits < 4096 ? bits : bits - 8192;
}

static uint64_t text_size_read(const uint8_t *at, size_t head)
{
    if (head == 1) return at[0] & 0x3f;
    if (head == 2) return (uint64_t)(at[0] & 0x0f) << 8 | at[1];
    return (uint64_t)packed_signed(at + 1, 4) & UINT32_MAX;
}

/* The length behind a value: 7 bits a byte, biggest first, all but the first with bit 7 set. */
static size_t back_size(uint64_t size)
{
    return size <= 127 ? 1 : size < 16383 ? 2 : size < 2097151 ? 3 : size < 268435455 ? 4 : 5;
}

static bool back_matches(const uint8_t *at, size_t bytes, uint64_t size)
{
    for (size_t i = bytes; i > 0; i--, size >>= 7)
        if (at[i - 1] != ((size & 127) | (i > 1 ? 128 : 0))) return false;
    return size == 0;
}

packed_step listpack_next(rdb_pack *p, span blob, rdb_packed *ret, err *e)
{
    size_t last = blob.size - 1; /* the end mark */
    const uint8_t *at = blob.at + p->at;
    size_t left = last - p->at;
    if (left == 0) return packed_end(p, "listpack", e);
    listpack_form form = form_of(*at);
    if (form.head == 0) return packed_bad(e, "listpack", p->at, "no such value");
    if (form.head > left) return packed_bad(e, "listpack", p->at, "a value is cut off");
    uint64_t size = form.head;
    rdb_packed value = {.is_number = form.is_number};
    if (form.is_number) {
        value.number = number_read(at, form.head);
    } else {
        uint64_t text_size = text_size_read(at, form.head);
        if (text_size > left - form.head)
            return packed_bad(e, "listpack", p->at, "a text is longer than the rest");
        value.text = span_of(at + form.head, (size_t)text_size);
        size += text_size;
    }
    size_t back = back_size(size);
    if (back > left - size) return packed_bad(e, "listpack", p->at, "a value is cut off");
    if (!back_matches(at + size, back, size))
        return packed_bad(e, "listpack", p->at, "the length behind a value is wrong");
    p->at += size + back;
    p->seen++;
    *ret = value;
    return PACKED_VALUE;
}
