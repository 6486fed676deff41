/* store/files.h: the bytes of objects: files of random names in the folder "data". */
#pragma once
#include "store/checksum.h"
#include "store/index.h"

#define FILE_NAME_SIZE 32

/* A name that nobody else has. */
void files_name(char ret[FILE_NAME_SIZE + 1]);
/* Removes what no row of the index names. */
bool files_clean(struct store *s, err *e) MUST_CHECK;
/* A new one; its name, and a descriptor to write to. */
bool files_make(struct store *s, char ret_name[FILE_NAME_SIZE + 1], int *ret_fd, err *e) MUST_CHECK;
void files_remove(struct store *s, const char *name);
void files_remove_all(struct store *s, const char *files);
bool files_write(int fd, span piece, err *e) MUST_CHECK;
/* The same files under new names. */
bool files_link(struct store *s, const char *files, buf *ret, err *e) MUST_CHECK;

/* Bytes of an object from `first` on. The first file is opened at once. */
bool files_reader(struct store *s,
                  const char *files,
                  uint64_t first,
                  struct store_reader **ret,
                  err *e) MUST_CHECK;
/* So many bytes of a reader to a descriptor; `ret_md5` may be NULL. */
bool files_copy(struct store_reader *r, uint64_t count, int fd, checksum_value *ret_md5, err *e)
    MUST_CHECK;
