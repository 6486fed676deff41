#include "migrate/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "migrate/hook.h"

static const struct {
    const char *name;
    bool before;
} phases[HOOK_PHASE_COUNT] = {
    [HOOK_SNAPSHOT] = {"snapshot", true}, [HOOK_IN_SYNC] = {"in-sync", false},
    [HOOK_VERIFY] = {"verify", false},    [HOOK_CUTOVER] = {"cutover", true},
    [HOOK_FINISH] = {"finish", true},     [HOOK_ABORT] = {"abort", true},
};

static bool is_hook(const char *name)
{
    for (size_t i = 0; i < HOOK_PHASE_COUNT; i++) {
        const char *phase = phases[i].name;
        if (strncmp(name, "after-", 6) == 0 && strcmp(name + 6, phase) == 0) return true;
        if (phases[i].before && strncmp(name, "before-", 7) == 0 && strcmp(name + 7, phase) == 0)
            return true;
    }
    return false;
}

static bool writable_by_others(const struct stat *is)
{
    return (is->st_mode & (S_IWGRP | S_IWOTH)) != 0 || (is->st_uid != 0 && is->st_uid != geteuid());
}

static bool refuse(err *e, const char *path, const char *what, const char *advice)
{
    (void)err_set(e, ERR_USAGE, "'%s' %s", path, what);
    return err_hint(e, "%s", advice);
}

static bool entry_check(const char *directory, const char *name, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    struct stat is;
    const char *path = arena_printf(&memory, "%s/%s", directory, name);
    bool claims = strncmp(name, "before-", 7) == 0 || strncmp(name, "after-", 6) == 0;
    if (!claims) return true;
    if (!is_hook(name)) {
        return refuse(
            e, path, "is named as a hook, but no phase is",
            "hooks are before- and after- snapshot, cutover, finish, abort; after-in-sync, "
            "after-verify");
    }
    if (stat(path, &is) != 0) return err_sys(e, errno, "look at '%s'", path);
    if (!S_ISREG(is.st_mode) || access(path, X_OK) != 0)
        return refuse(e, path, "cannot be run", "it must be an executable file (chmod +x)");
    if (!writable_by_others(&is)) return true;
    return refuse(e, path, "may be changed by others",
                  "it must be yours or root's, and nobody else's to write (chmod go-w)");
}

bool hooks_check(const char *directory, err *e)
{
    struct stat is;
    DIR *d = opendir(directory);
    if (!d) {
        (void)err_sys(e, errno, "open the hooks '%s'", directory);
        e->kind = ERR_USAGE;
        return err_hint(e, "--hooks is a directory of executable files");
    }
    bool good = fstat(dirfd(d), &is) == 0 || err_sys(e, errno, "look at '%s'", directory);
    if (good && writable_by_others(&is)) {
        good = refuse(e, directory, "may be changed by others",
                      "the directory must be yours or root's, and nobody else's to write");
    }
    for (const struct dirent *one = NULL; good && (one = readdir(d));) /* NOLINT(concurrency*) */
        good = entry_check(directory, one->d_name, e);
    (void)closedir(d); /* only read */
    return good;
}

static bool run(const move *m, const char *when, hook_phase phase, const char *result, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    if (!m->hooks) return true;
    const char *name = arena_printf(&memory, "%s-%s", when, phases[phase].name);
    const char *file = arena_printf(&memory, "%s/%s", m->hooks, name);
    if (access(file, F_OK) != 0) return true;
    log_info("hook %s", name);
    hook h = {.file = file,
              .phase = name,
              .result = result,
              .source_host = m->source_url.host,
              .source_port = m->source_url.port,
              .target_host = m->target_url.host,
              .target_port = m->target_url.port,
              .workdir = m->options->workdir,
              .timeout_ms = HOOK_TIMEOUT_MS};
    return hook_run(&h, e);
}

bool hooks_before(const move *m, hook_phase phase, err *e)
{
    if (run(m, "before", phase, NULL, e)) return true;
    (void)err_hint(e, "it is a veto against the %s: nothing was done; see what the hook said",
                   phases[phase].name);
    return false;
}

void hooks_after(const move *m, hook_phase phase, bool done)
{
    err e = {0};
    if (run(m, "after", phase, done ? "done" : "missed", &e)) return;
    log_warn("%s; the move goes on", e.text);
}
