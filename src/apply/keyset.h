/* apply/keyset.h: which keys a snapshot holds, on disk, so that keys the source no longer has can
 * be found on a target of any size in bounded memory (protocol.md R13).
 *
 * A key is its 128 bit hash (with its database), spread over 256 files by the first byte: a
 * partition of a snapshot of 350 million keys fits the memory named below. The keys of the target
 * go, with their names, into 256 files of the same spread; then partition meets partition. */
#pragma once
#include "base/err.h"
#include "base/span.h"

#define KEYSET_PARTITIONS 256
#define KEYSET_MEMORY_MAX ((size_t)32 * 1024 * 1024)

/* Function libraries stand in the set under this database number. */
#define KEYSET_FUNCTIONS UINT32_MAX

typedef struct keyset keyset;

/* fresh: what stands in the directory is deleted; else it is added to. ERR_STATE: there is none, or
 * the machine was started anew since, so that it may have holes. */
bool keyset_open(const char *dir, bool fresh, keyset **ret, err *e) MUST_CHECK;
void keyset_free(keyset *k); /* the files stay */
bool keyset_delete(const char *dir, err *e) MUST_CHECK;

bool keyset_add(keyset *k, unsigned db, span key, err *e) MUST_CHECK;       /* of the source */
bool keyset_candidate(keyset *k, unsigned db, span key, err *e) MUST_CHECK; /* of the target */
/* Everything added is in the page cache and survives the process. */
bool keyset_flush(keyset *k, err *e) MUST_CHECK;

/* Calls back for every candidate that was not added; false from it ends the walk. */
typedef bool keyset_missing(void *arg, unsigned db, span key, err *e);
bool keyset_compare(keyset *k, keyset_missing *missing, void *arg, err *e) MUST_CHECK;
