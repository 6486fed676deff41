#include "sandbox/programs.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "knowledge/knowledge.h"

#define PROGRAMS_MAX 64
#define LEAST_VERSION "7.0"

extern char **environ;

static const struct {
    const char *program;
    const char *engine;
} servers[] = {{"valkey-server", "valkey"}, {"redis-server", "redis"}};

/* What it prints to --version; empty when it does not run. */
static void first_line(const char *path, char *ret, size_t size)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    char *const args[] = {(char *)(uintptr_t)path, (char *)(uintptr_t) "--version", NULL};
    pid_t pid = 0;
    ret[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    (void)posix_spawn_file_actions_init(&actions); /* cannot fail on Linux */
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    bool runs = posix_spawn(&pid, path, &actions, NULL, args, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    size_t used = 0;
    while (runs && used + 1 < size) {
        ssize_t got = read(ends[0], ret + used, size - 1 - used);
        if (got <= 0) break;
        used += (size_t)got;
    }
    ret[used] = '\0';
    (void)close(ends[0]);
    if (runs) (void)waitpid(pid, NULL, 0); /* its code does not matter */
}

static bool is_known(const engine_programs *p, const engine_program *one)
{
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->rows[i].engine, one->engine) == 0 &&
            strcmp(p->rows[i].version, one->version) == 0)
            return true;
    }
    return false;
}

static void program_try(const char *folder, size_t server, engine_programs *ret)
{
    engine_program one = {0};
    char line[256];
    int size = snprintf(one.path, sizeof one.path, "%s/%s", folder, servers[server].program);
    if (size < 0 || (size_t)size >= sizeof one.path || access(one.path, X_OK) != 0) return;
    if (ret->count == PROGRAMS_MAX) return;
    first_line(one.path, line, sizeof line);
    const char *at = strstr(line, "v=");
    if (!at) return;
    size_t length = size_min(strcspn(at + 2, " \n"), sizeof one.version - 1);
    memcpy(one.version, at + 2, length);
    (void)snprintf(one.engine, sizeof one.engine, "%s", servers[server].engine);
    /* Debian's valkey may come with a redis-server that is the same program. */
    if (strncasecmp(line, one.engine, strlen(one.engine)) != 0) return;
    if (!knowledge_version_at_least(one.version, LEAST_VERSION) || is_known(ret, &one)) return;
    char *whole = realpath(one.path, NULL);
    if (whole && strlen(whole) < sizeof one.path && one.path[0] != '/')
        (void)snprintf(one.path, sizeof one.path, "%s", whole);
    free(whole);
    ret->rows[ret->count++] = one;
}

static void folder_try(const char *folder, engine_programs *ret)
{
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) { /* NOLINT(concurrency*) */
        char bin[PATH_SIZE];
        int size = snprintf(bin, sizeof bin, "%s/%s/bin", folder, entry->d_name);
        if (entry->d_name[0] == '.' || size < 0 || (size_t)size >= sizeof bin) continue;
        for (size_t i = 0; i < COUNT_OF(servers); i++)
            program_try(bin, i, ret);
    }
    (void)closedir(d);
}

static void path_try(engine_programs *ret)
{
    const char *path = secure_getenv("PATH");
    span rest = span_text(path ? path : "/usr/bin:/bin");
    span folder;
    while (span_cut(&rest, ':', &folder)) {
        char *text = mem_text(folder);
        for (size_t i = 0; i < COUNT_OF(servers) && folder.size > 0; i++)
            program_try(text, i, ret);
        free(text);
    }
}

static void beside_program(engine_programs *ret)
{
    char path[PATH_SIZE];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 32);
    if (size <= 0) return;
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash) return;
    (void)snprintf(slash, 32, "/../.cache/engines");
    folder_try(path, ret);
}

void programs_find(const char *folder, engine_programs *ret)
{
    *ret = (engine_programs){.rows = mem_alloc(PROGRAMS_MAX * sizeof(engine_program))};
    const char *named = folder ? folder : secure_getenv("HANDOVER_ENGINES");
    if (named) {
        folder_try(named, ret);
    } else {
        folder_try(".cache/engines", ret);
        beside_program(ret);
    }
    path_try(ret);
}

void programs_clear(engine_programs *p)
{
    free(p->rows);
    *p = (engine_programs){0};
}

static unsigned number_at(const char **at)
{
    unsigned value = 0;
    while (**at >= '0' && **at <= '9' && value < 1000)
        value = value * 10 + (unsigned)(*(*at)++ - '0');
    if (**at == '.') (*at)++;
    return value;
}

const engine_program *
programs_choose(const engine_programs *p, const char *engine, const char *version)
{
    const engine_program *best = NULL;
    int best_distance = 0;
    unsigned major = number_at(&version);
    int minor = (int)number_at(&version);
    for (size_t i = 0; i < p->count; i++) {
        const char *at = p->rows[i].version;
        if (strcmp(p->rows[i].engine, engine) != 0 || number_at(&at) != major) continue;
        int ahead = (int)number_at(&at) - minor;
        int distance = ahead > 0 ? 1000 + ahead : -ahead; /* an older one first */
        if (best && distance >= best_distance) continue;
        best = &p->rows[i];
        best_distance = distance;
    }
    return best;
}
