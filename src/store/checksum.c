#include "store/checksum.h"

#include <isa-l/crc.h>
#include <strings.h>

#include "base/mem.h"
#include "net/openssl.h"

#define CRC64NVME UINT64_C(0x9a6c9329ac4bc9b5) /* reflected */

static const struct {
    checksum_kind kind;
    const char *header;
    const char *element;
    size_t size;
} rows[] = {
    {CHECKSUM_CRC32, "x-amz-checksum-crc32", "ChecksumCRC32", 4},
    {CHECKSUM_CRC32C, "x-amz-checksum-crc32c", "ChecksumCRC32C", 4},
    {CHECKSUM_CRC64NVME, "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME", 8},
    {CHECKSUM_SHA1, "x-amz-checksum-sha1", "ChecksumSHA1", 20},
    {CHECKSUM_SHA256, "x-amz-checksum-sha256", "ChecksumSHA256", 32},
    {CHECKSUM_MD5, "content-md5", "ContentMD5", 16},
};

checksum_kind checksum_of_header(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcasecmp(rows[i].header, name) == 0) return rows[i].kind;
    return CHECKSUM_NONE;
}

static size_t row_of(checksum_kind kind)
{
    size_t i = 0;
    while (rows[i].kind != kind)
        i++;
    return i;
}

const char *checksum_header(checksum_kind kind)
{
    return kind == CHECKSUM_NONE ? "" : rows[row_of(kind)].header;
}

const char *checksum_element(checksum_kind kind)
{
    return kind == CHECKSUM_NONE ? "" : rows[row_of(kind)].element;
}

static const EVP_MD *digest_of(checksum_kind kind)
{
    return kind == CHECKSUM_MD5      ? EVP_md5()
           : kind == CHECKSUM_SHA1   ? EVP_sha1()
           : kind == CHECKSUM_SHA256 ? EVP_sha256()
                                     : NULL;
}

/* ISA-L has this one only from 2.31 on. */
static uint64_t *crc64nvme_table(void)
{
    uint64_t *table = mem_alloc(256 * sizeof *table);
    for (uint64_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] & 1 ? table[i] >> 1 ^ CRC64NVME : table[i] >> 1;
    }
    return table;
}

void checksum_begin(checksum *c, checksum_kind kind)
{
    const EVP_MD *digest = digest_of(kind);
    *c = (checksum){.kind = kind, .crc = kind == CHECKSUM_CRC32 ? 0 : UINT64_MAX};
    if (kind == CHECKSUM_CRC64NVME) c->table = crc64nvme_table();
    if (!digest) return;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int done = context ? EVP_DigestInit_ex(context, digest, NULL) : 0;
    assert(done == 1); /* only without memory, or without MD5 in FIPS mode */
    c->digest = context;
}

void checksum_add(checksum *c, span bytes)
{
    if (bytes.size == 0) return;
    if (c->digest) {
        int done = EVP_DigestUpdate(c->digest, bytes.at, bytes.size);
        assert(done == 1);
    }
    if (c->kind == CHECKSUM_CRC32) c->crc = crc32_gzip_refl((uint32_t)c->crc, bytes.at, bytes.size);
    for (size_t at = 0; c->kind == CHECKSUM_CRC32C && at < bytes.size;) {
        size_t piece = size_min(bytes.size - at, (size_t)INT32_MAX / 2);
        unsigned char *from = (unsigned char *)(uintptr_t)(bytes.at + at); /* only read */
        c->crc = crc32_iscsi(from, (int)piece, (unsigned)c->crc);
        at += piece;
    }
    for (size_t i = 0; c->table && i < bytes.size; i++)
        c->crc = c->crc >> 8 ^ c->table[(c->crc ^ bytes.at[i]) & 255];
}

checksum_value checksum_end(checksum *c)
{
    checksum_value v = {0};
    if (c->kind == CHECKSUM_NONE) return v;
    v.size = rows[row_of(c->kind)].size;
    if (c->digest) {
        int done = EVP_DigestFinal_ex(c->digest, v.bytes, NULL);
        assert(done == 1);
    } else {
        uint64_t crc = c->kind == CHECKSUM_CRC32 ? c->crc : ~c->crc;
        for (size_t i = 0; i < v.size; i++)
            v.bytes[i] = (uint8_t)(crc >> 8 * (v.size - 1 - i));
    }
    checksum_drop(c);
    return v;
}

void checksum_drop(checksum *c)
{
    EVP_MD_CTX_free(c->digest);
    free(c->table);
    *c = (checksum){0};
}

checksum_text checksum_hex(const checksum_value *v)
{
    checksum_text t = {0};
    for (size_t i = 0; i < v->size; i++) {
        t.text[2 * i] = "0123456789abcdef"[v->bytes[i] >> 4];
        t.text[2 * i + 1] = "0123456789abcdef"[v->bytes[i] & 15];
    }
    return t;
}

checksum_text checksum_base64(const checksum_value *v)
{
    checksum_text t = {0};
    (void)EVP_EncodeBlock((unsigned char *)t.text, v->bytes, (int)v->size); /* its size is known */
    return t;
}
