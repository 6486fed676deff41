#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

static bool rights_check(const char *path, const struct stat *info, err *e)
{
    if (!S_ISREG(info->st_mode) || (info->st_mode & 077) == 0) return true;
    (void)err_set(e, ERR_USAGE, "others may read the password in '%s'", path);
    return err_hint(e, "chmod 600 '%s', and change the password if somebody did", path);
}

/* All of the file but one line end behind it. */
static bool file_read(int fd, const char *path, secret *ret, err *e)
{
    uint8_t bytes[SECRET_SIZE_MAX + 2];
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size < sizeof bytes) {
        got = read(fd, bytes + size, sizeof bytes - size);
        if (got > 0) size += (size_t)got;
        if (got < 0 && errno == EINTR) got = 1;
    }
    bool good = true;
    if (got < 0) good = err_sys(e, errno, "read '%s'", path);
    if (good && size && bytes[size - 1] == '\n') size--;
    if (good && size && bytes[size - 1] == '\r') size--;
    if (good && size == 0) good = err_set(e, ERR_USAGE, "'%s' holds no password", path);
    if (good && size > SECRET_SIZE_MAX)
        good = err_set(e, ERR_USAGE, "'%s' is longer than %zu bytes", path, SECRET_SIZE_MAX);
    if (good) secret_set(ret, span_of(bytes, size));
    explicit_bzero(bytes, sizeof bytes);
    return good || err_hint(e, "put the password alone into the file");
}

bool secret_read_file(const char *path, secret *ret, err *e)
{
    struct stat info = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_sys(e, errno, "open the password file '%s'", path);
        e->kind = ERR_USAGE;
        return err_hint(e, "give a file that exists and that you may read");
    }
    bool good = fstat(fd, &info) == 0 || err_sys(e, errno, "look at '%s'", path);
    good = good && rights_check(path, &info, e) && file_read(fd, path, ret, e);
    (void)close(fd); /* only read */
    return good;
}
