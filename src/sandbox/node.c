#include "sandbox/node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "knowledge/knowledge.h"
#include "sandbox/front.h"
#include "sandbox/programs.h"
#include "sandbox/relay.h"

#define END_MS 20000
#define POLL_US 5000

node_process *node_process_find(keeper *k, const char *node_id)
{
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->rows[i].id, node_id) == 0) return &k->rows[i];
    return NULL;
}

/* Between fork and exec only what is safe there. */
static void child_run(const char *program, const char *folder, pid_t parent)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    struct rlimit files;
    char *const args[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "node.conf", NULL};
    /* The signal comes when the *thread* that forked ends: the keeper's lives as long as we do. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(126);
    (void)setpgid(0, 0); /* Control-C is ours: we end the engines in order */
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    (void)sigaction(SIGPIPE, &usual, NULL);
    (void)sigaction(SIGINT, &usual, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max; /* maxclients is 65,000 there */
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (chdir(folder) != 0) _exit(125);
    int log = open("engine.log", O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log >= 0) (void)dup2(log, STDOUT_FILENO);
    if (log >= 0) (void)dup2(log, STDERR_FILENO);
    if (null >= 0) (void)dup2(null, STDIN_FILENO);
    (void)execv(program, args);
    _exit(127);
}

bool node_start(keeper *k, const char *group_id, json_t *g, json_t *node, err *e)
{
    const char *id = text_of(node, "id");
    const engine_program *program =
        programs_choose(&k->s->programs, text_of(g, "engine"), text_of(g, "version"));
    char folder[PATH_SIZE];
    (void)json_object_del(node, "ended"); /* or it did not */
    if (!program) {
        (void)err_set(e, ERR_STATE, "no engine here can be %s %s", text_of(g, "engine"),
                      text_of(g, "version"));
        return err_hint(e,
                        "'handover sandbox engines' lists those found; --engines names a folder");
    }
    if (k->count == COUNT_OF(k->rows)) return err_set(e, ERR_LIMIT, "too many nodes");
    (void)snprintf(folder, sizeof folder, "nodes/%s", id); /* below the work directory: fits */
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) return err_sys(e, errno, "make '%s'", folder);
    if (!node_conf_write(k, group_id, g, node, e)) return false;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) return err_sys(e, errno, "start '%s'", program->path);
    if (pid == 0) child_run(program->path, folder, parent);
    node_process *p = &k->rows[k->count++];
    *p = (node_process){.pid = pid};
    (void)snprintf(p->id, sizeof p->id, "%s", id);
    return !front_is(g) || node_addresses_apply(k, g, node, true, e);
}

static void forget_process(keeper *k, node_process *p)
{
    relay_drop(k->relay, p->id);
    *p = k->rows[--k->count];
}

void node_kill(keeper *k, const char *node_id)
{
    node_process *p = node_process_find(k, node_id);
    if (!p) return;
    (void)kill(p->pid, SIGKILL);
    (void)waitpid(p->pid, NULL, 0); /* it was killed: its code does not matter */
    forget_process(k, p);
}

void node_freeze(keeper *k, const char *node_id)
{
    node_process *p = node_process_find(k, node_id);
    if (!p) return;
    (void)kill(p->pid, SIGSTOP);
    relay_freeze(k->relay, node_id);
    p->is_frozen = true;
}

void node_end(keeper *k, const char *node_id, bool save)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    err e = {0};
    node_process *p = node_process_find(k, node_id);
    if (!p) return;
    bool asked =
        !p->is_frozen && !p->is_left &&
        node_ask(k, node_id, &memory, &r, &e, ENGINE_TEXTS("SHUTDOWN", save ? "SAVE" : "NOSAVE"));
    /* It closes the connection instead of an answer; a refusal is an answer. */
    if (!asked && e.kind != ERR_IO) log_debug("%s: %s", node_id, e.text);
    int64_t deadline = deadline_in_ms(END_MS);
    while (!p->is_frozen && e.kind == ERR_IO && deadline_left_ms(deadline) > 0) {
        if (waitpid(p->pid, NULL, WNOHANG) == p->pid) {
            forget_process(k, p);
            return;
        }
        (void)usleep(POLL_US);
    }
    node_kill(k, node_id);
}

void node_empty(const char *node_id)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "nodes/%s/dump.rdb", node_id);
    (void)unlink(path); /* or it has none */
}

void node_forget(keeper *k, const char *node_id)
{
    char folder[PATH_SIZE];
    (void)k;
    (void)snprintf(folder, sizeof folder, "nodes/%s", node_id);
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) /* NOLINT(concurrency*) */
        if (entry->d_name[0] != '.') (void)unlinkat(dirfd(d), entry->d_name, 0); /* files only */
    (void)closedir(d);
    (void)rmdir(folder);
}

/* Hidden by renaming: blocked as a whole by the table, except what replicas need by its name. */
static bool is_renamed(const char *command)
{
    knowledge_command c;
    return strcmp(command, "PSYNC") != 0 && strcmp(command, "SYNC") != 0 &&
           knowledge_command_find(DEPLOYMENT_NODE_DISABLED, command, "", &c) &&
           strcmp(c.state, "blocked") == 0;
}

bool node_ask(keeper *k,
              const char *node_id,
              arena *memory,
              const reply **ret,
              err *e,
              size_t count,
              const char *const *args)
{
    char path[128];
    engine *one = NULL;
    const char **words = arena_alloc(memory, count * sizeof *words);
    memcpy(words, args, count * sizeof *words);
    if (is_renamed(args[0]))
        words[0] = arena_printf(memory, "%s%s", state_text(k->s, "hidden_prefix"), args[0]);
    (void)snprintf(path, sizeof path, "/proc/self/cwd/nodes/%s/admin.sock", node_id);
    engine_url url = {.host = path, .port = 1, .user = (char *)(uintptr_t)NODE_USER};
    secret_set(&url.password, span_text(state_text(k->s, "admin_password")));
    engine_options o = {.url = &url, .timeout_ms = NODE_TIMEOUT_MS};
    bool done = engine_open(k->loop, &o, &one, e);
    node_process *p = node_process_find(k, node_id);
    if (done && p) {
        p->own_connections++;
        p->own_commands += 3; /* AUTH, PING (engine_open), and this one */
    }
    done = done && engine_ask_texts(one, memory, ret, e, count, words);
    engine_free(one);
    secret_clear(&url.password);
    return done;
}

bool node_is_ready(keeper *k, const json_t *node)
{
    CLEANUP(arena_clear) arena memory = {0};
    const reply *r = NULL;
    err e = {0};
    if (!node_ask(k, text_of(node, "id"), &memory, &r, &e, ENGINE_TEXTS("INFO"))) return false;
    size_t at = 0;
    if (span_find(r->text, span_text("loading:1"), &at)) return false;
    return flag_of(node, "is_primary") ||
           span_find(r->text, span_text("master_link_status:up"), &at);
}
