/* journal/workdir.h: the directory itself, its rights, and the lock of the one who runs the move.
 * Private to journal/. */
#pragma once
#include "journal/journal.h"

bool workdir_make(const char *workdir, bool create, err *e) MUST_CHECK;
bool workdir_make_file(const char *path, err *e) MUST_CHECK; /* 0600, empty when it is new */
bool workdir_lock(const char *workdir, int *ret_fd, err *e) MUST_CHECK;
bool workdir_lock_holder(const char *workdir, int64_t *ret_pid, err *e) MUST_CHECK;
