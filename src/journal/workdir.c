#include "journal/workdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool workdir_make(const char *workdir, bool create, err *e)
{
    struct stat info = {0};
    if (stat(workdir, &info) != 0) {
        int reason = errno;
        if (reason == ENOENT && !create) {
            (void)err_set(e, ERR_STATE, "there is no move in '%s'", workdir);
            return err_hint(e, "give the directory of 'handover migrate run --workdir'");
        }
        if (reason != ENOENT) return err_sys(e, reason, "look at the work directory '%s'", workdir);
        if (mkdir(workdir, 0700) == 0) return true;
        (void)err_sys(e, errno, "make the work directory '%s'", workdir);
        return err_hint(e, "give a --workdir whose parent exists and can be written");
    }
    if (!S_ISDIR(info.st_mode))
        return err_set(e, ERR_IO, "the work directory '%s' is a file", workdir);
    if (info.st_mode & S_IWOTH) {
        (void)err_set(e, ERR_STATE, "everybody may write into the work directory '%s'", workdir);
        return err_hint(e, "chmod 700 '%s', or give a directory that does not exist yet", workdir);
    }
    return true;
}

/* The file exists before SQLite opens it, so that it never has other rights. It is not opened when
 * it is there: closing it again would drop the locks that this process's SQLite holds on it. */
bool workdir_make_file(const char *path, err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        (void)close(fd); /* nothing was written */
        return true;
    }
    if (errno != EEXIST) {
        (void)err_sys(e, errno, "make '%s'", path);
        return err_hint(e, "check the owner and the rights of the directory");
    }
    struct stat info = {0};
    if (stat(path, &info) != 0) return err_sys(e, errno, "look at '%s'", path);
    if ((info.st_mode & 077) != 0 && chmod(path, 0600) != 0)
        return err_sys(e, errno, "take the rights of others from '%s'", path);
    return true;
}

static bool lock_open(const char *workdir, int flags, int *ret, err *e)
{
    arena a = {0};
    const char *path = arena_printf(&a, "%s/lock", workdir);
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    int reason = errno;
    if (fd < 0 && !(reason == ENOENT && !(flags & O_CREAT))) {
        (void)err_sys(e, reason, "open '%s'", path);
        arena_clear(&a);
        return false;
    }
    arena_clear(&a);
    *ret = fd; /* -1: there is none */
    return true;
}

/* The pid in the lock file; -1 when the holder has not written it yet. */
static int64_t lock_pid(int fd)
{
    char text[32];
    ssize_t size = pread(fd, text, sizeof text, 0);
    int64_t pid = 0;
    if (size < 2 || text[size - 1] != '\n') return -1;
    return span_to_i64(span_of(text, (size_t)size - 1), &pid) ? pid : -1;
}

bool workdir_lock(const char *workdir, int *ret_fd, err *e)
{
    int fd = -1;
    if (!lock_open(workdir, O_RDWR | O_CREAT, &fd, e)) return false;
    /* A lock of the open file, not of the process: it ends with the process, whatever kills it, and
     * can be asked for without being taken. */
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        int reason = errno;
        int64_t pid = lock_pid(fd);
        (void)close(fd); /* read only so far */
        if (reason != EAGAIN && reason != EACCES)
            return err_sys(e, reason, "lock '%s/lock'", workdir);
        (void)err_set(e, ERR_STATE, "the move in '%s' is run by process %" PRId64, workdir, pid);
        return err_hint(e, "see 'handover migrate status --workdir %s'; one process runs a move",
                        workdir);
    }
    char text[32];
    int size = snprintf(text, sizeof text, "%d\n", getpid());
    assert(size > 0);
    bool wrote = ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) == size;
    if (!wrote) {
        (void)err_sys(e, errno, "write '%s/lock'", workdir);
        (void)close(fd); /* the error is already named */
        return false;
    }
    *ret_fd = fd;
    return true;
}

bool workdir_lock_holder(const char *workdir, int64_t *ret_pid, err *e)
{
    int fd = -1;
    if (!lock_open(workdir, O_RDWR, &fd, e)) return false;
    if (fd < 0) {
        *ret_pid = 0;
        return true;
    }
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool asked = fcntl(fd, F_OFD_GETLK, &whole) == 0;
    int reason = errno;
    int64_t pid = lock_pid(fd);
    (void)close(fd); /* only read */
    if (!asked) return err_sys(e, reason, "ask for the lock of '%s/lock'", workdir);
    *ret_pid = whole.l_type == F_UNLCK ? 0 : pid;
    return true;
}
