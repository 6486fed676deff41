/* store/checksum.h: the digests that S3 takes and tells. Pure.
 *
 * Besides MD5 (ETag, Content-MD5) and SHA-256 (the signature) a client may send one of five, in a
 * header x-amz-checksum-NAME or as a trailer of that name, in base64. Source:
 * docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
#pragma once
#include "base/base.h"
#include "base/span.h"

#define CHECKSUM_MAX 32

typedef enum {
    CHECKSUM_NONE,
    CHECKSUM_MD5,
    CHECKSUM_CRC32,
    CHECKSUM_CRC32C,
    CHECKSUM_CRC64NVME,
    CHECKSUM_SHA1,
    CHECKSUM_SHA256,
} checksum_kind;

typedef struct {
    checksum_kind kind;
    uint64_t crc;
    void *digest;    /* of OpenSSL */
    uint64_t *table; /* of CRC64NVME */
} checksum;

typedef struct {
    uint8_t bytes[CHECKSUM_MAX];
    size_t size;
} checksum_value;

/* "x-amz-checksum-crc32" (any case); CHECKSUM_NONE: it is none of them. */
checksum_kind checksum_of_header(const char *name);
const char *checksum_header(checksum_kind kind);
/* What the XML of the API calls it: "ChecksumCRC32". */
const char *checksum_element(checksum_kind kind);

/* CHECKSUM_NONE is fine: nothing is done. */
void checksum_begin(checksum *c, checksum_kind kind);
void checksum_add(checksum *c, span bytes);
checksum_value checksum_end(checksum *c); /* and frees; big endian */
void checksum_drop(checksum *c);

typedef struct {
    char text[2 * CHECKSUM_MAX + 8];
} checksum_text;
checksum_text checksum_hex(const checksum_value *v);
checksum_text checksum_base64(const checksum_value *v);
