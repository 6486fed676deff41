#include "migrate/control.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "migrate/status.h"
#include "migrate/throttle.h"

#define LINE_MAX_SIZE ((size_t)1024 * 1024)
#define ORDER_LINE_MAX ((size_t)80 * 1024 * 1024) /* 500 names of 64 KiB, in digits */
#define SEND_TIMEOUT_S 5

struct control {
    move *m;
    pthread_t thread;
    int listener;
    int stop;
    char path[108];
    pthread_mutex_t lock; /* over visitors */
    pthread_cond_t left;
    size_t visitors; /* threads that still use this and the move */
};

/* One row: the words of an order on the socket. */
static const struct {
    order_kind kind;
    const char *name;
} order_names[] = {
    {ORDER_PAUSE, "pause"}, {ORDER_RESUME, "resume"}, {ORDER_THROTTLE, "throttle"},
    {ORDER_RETRY, "retry"}, {ORDER_COPY, "copy"},     {ORDER_CUTOVER, "cutover"},
    {ORDER_ABORT, "abort"},
};

static const char *order_name(order_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(order_names); i++)
        if (order_names[i].kind == kind) return order_names[i].name;
    return "";
}

static order_kind order_kind_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(order_names); i++)
        if (strcmp(order_names[i].name, name) == 0) return order_names[i].kind;
    return ORDER_NONE;
}

static bool address_make(const char *workdir, struct sockaddr_un *ret, err *e)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    int size = snprintf(ret->sun_path, sizeof ret->sun_path, "%s/control.sock", workdir);
    if (size > 0 && (size_t)size < sizeof ret->sun_path) return true;
    err_set(e, ERR_USAGE, "the path of the work directory is too long for a Unix socket");
    return err_hint(e, "use a path of at most %zu bytes", sizeof ret->sun_path - 14);
}

static bool line_send(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text += n;
        left -= (size_t)n;
    }
    return send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
}

/* Reads up to the end of a line; NULL when the other side leaves or says too much. */
static char *line_receive(int fd, size_t max)
{
    buf line = buf_of(max);
    for (;;) {
        if (!buf_reserve(&line, 1)) break;
        ssize_t n = recv(fd, line.at + line.size, line.capacity - line.size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        line.size += (size_t)n;
        if (line.at[line.size - 1] != '\n') continue;
        char *text = mem_text(span_of(line.at, line.size - 1));
        buf_clear(&line);
        return text;
    }
    buf_clear(&line);
    return NULL;
}

/* Hands the order to the workflow and waits for its answer. */
static void order_give(move *m, move_order *o)
{
    pthread_mutex_lock(&m->lock);
    while (m->waiting && !m->over)
        pthread_cond_wait(&m->changed, &m->lock);
    if (!m->over) {
        m->waiting = o;
        pthread_cond_broadcast(&m->changed);
        while (!o->done && !m->over)
            pthread_cond_wait(&m->changed, &m->lock);
    }
    if (!o->done) (void)err_set(&o->trouble, ERR_STATE, "the move is ending just now");
    pthread_mutex_unlock(&m->lock);
}

static json_t *order_answer(const move_order *o)
{
    return json_pack("{s:b, s:I, s:s, s:i, s:i, s:s, s:s}", "good", o->done && o->good, "refused",
                     (json_int_t)o->refused, "text", o->text ? o->text : "", "kind",
                     (int)o->trouble.kind, "side", (int)o->trouble.side, "error", o->trouble.text,
                     "hint", o->trouble.hint);
}

bool control_order_read(const json_t *request, move_order *ret)
{
    const char *name = json_string_value(json_object_get(request, "order"));
    *ret = (move_order){.kind = name ? order_kind_of(name) : ORDER_NONE};
    ret->cutover.dry_run = json_is_true(json_object_get(request, "dry_run"));
    ret->cutover.force = json_is_true(json_object_get(request, "force"));
    ret->cutover.undo = json_is_true(json_object_get(request, "undo"));
    ret->cutover.skip_verify = json_is_true(json_object_get(request, "skip_verify"));
    ret->cutover.skip_network = json_is_true(json_object_get(request, "skip_network"));
    return ret->kind != ORDER_NONE;
}

static json_t *request_answer(control *c, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "order"));
    if (name && strcmp(name, "status") == 0) return status_make(c->m);
    move_order o;
    if (!control_order_read(request, &o)) {
        (void)err_set(&o.trouble, ERR_USAGE, "there is no such order");
        return order_answer(&o);
    }
    o.list = json_object_get(request, "list");
    if (o.kind == ORDER_THROTTLE) { /* not behind what the workflow does just now */
        o.throttle = throttle_from_json(request);
        o.good = throttle_order_do(c->m, &o.throttle, &o.text, &o.trouble);
        o.done = true;
    } else {
        order_give(c->m, &o);
    }
    json_t *answer = order_answer(&o);
    free(o.text);
    return answer;
}

typedef struct {
    control *c;
    int fd;
} visitor;

/* Whether the visitor says something before it leaves, its time is over, or nobody listens. */
static bool visitor_speaks(const visitor *v)
{
    struct pollfd watched[] = {{.fd = v->fd, .events = POLLIN},
                               {.fd = v->c->stop, .events = POLLIN}};
    return poll(watched, COUNT_OF(watched), SEND_TIMEOUT_S * 1000) > 0 && watched[0].revents;
}

static void visitor_leave(const visitor *v)
{
    (void)close(v->fd);
    pthread_mutex_lock(&v->c->lock);
    v->c->visitors--;
    pthread_cond_broadcast(&v->c->left);
    pthread_mutex_unlock(&v->c->lock);
}

/* One thread per visitor: an order may take as long as a cutover, a status must not wait for it. */
static void *visitor_main(void *arg)
{
    visitor v = *(visitor *)arg;
    free(arg);
    char *line = visitor_speaks(&v) ? line_receive(v.fd, ORDER_LINE_MAX) : NULL;
    json_t *request = line ? json_loads(line, 0, NULL) : NULL;
    free(line);
    json_t *answer = request_answer(v.c, request);
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    /* An asker that left gets no answer; nothing else depends on it. */
    if (text) (void)line_send(v.fd, text);
    free(text);
    json_decref(answer);
    json_decref(request);
    visitor_leave(&v);
    return NULL;
}

static void visitor_begin(control *c, int fd)
{
    struct timeval limit = {.tv_sec = SEND_TIMEOUT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    visitor *v = mem_alloc(sizeof *v);
    *v = (visitor){.c = c, .fd = fd};
    pthread_mutex_lock(&c->lock);
    c->visitors++;
    pthread_mutex_unlock(&c->lock);
    pthread_t thread;
    if (pthread_create(&thread, NULL, visitor_main, v) == 0) {
        (void)pthread_detach(thread);
        return;
    }
    visitor_leave(v);
    free(v);
}

static void *control_main(void *arg)
{
    control *c = arg;
    for (;;) {
        struct pollfd watched[] = {{.fd = c->listener, .events = POLLIN},
                                   {.fd = c->stop, .events = POLLIN}};
        if (poll(watched, COUNT_OF(watched), -1) < 0) {
            if (errno == EINTR) continue;
            break;
        }
        if (watched[1].revents) break;
        int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) visitor_begin(c, fd);
    }
    return NULL;
}

static bool listener_open(control *c, const char *workdir, err *e)
{
    struct sockaddr_un address;
    if (!address_make(workdir, &address, e)) return false;
    memcpy(c->path, address.sun_path, sizeof c->path);
    (void)unlink(c->path); /* of a process that was killed: the work directory's lock is ours */
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->listener < 0) return err_sys(e, errno, "socket");
    mode_t before = umask(0177);
    int failed = bind(c->listener, (const struct sockaddr *)&address, sizeof address);
    int problem = errno;
    (void)umask(before);
    if (failed || listen(c->listener, 16) < 0)
        return err_sys(e, failed ? problem : errno, "listen on '%s'", c->path);
    return true;
}

static void control_free(control *c)
{
    if (c->listener >= 0) (void)close(c->listener);
    if (c->stop >= 0) (void)close(c->stop);
    (void)pthread_cond_destroy(&c->left);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

bool control_start(move *m, control **ret, err *e)
{
    control *c = mem_alloc(sizeof *c);
    c->m = m;
    c->listener = -1;
    c->stop = eventfd(0, EFD_CLOEXEC);
    (void)pthread_mutex_init(&c->lock, NULL); /* never fail with default attributes on Linux */
    (void)pthread_cond_init(&c->left, NULL);
    bool done = c->stop >= 0 || err_sys(e, errno, "eventfd");
    done = done && listener_open(c, m->options->workdir, e);
    if (done && pthread_create(&c->thread, NULL, control_main, c) != 0)
        done = err_set(e, ERR_LIMIT, "no further thread can be started");
    if (!done) {
        control_free(c);
        return false;
    }
    *ret = c;
    return true;
}

void control_stop(control *c)
{
    if (!c) return;
    uint64_t one = 1;
    ssize_t wrote = write(c->stop, &one, sizeof one);
    assert(wrote == (ssize_t)sizeof one);
    (void)pthread_join(c->thread, NULL);
    (void)unlink(c->path);
    pthread_mutex_lock(&c->lock);
    while (c->visitors > 0)
        pthread_cond_wait(&c->left, &c->lock);
    pthread_mutex_unlock(&c->lock);
    control_free(c);
}

static bool answer_fetch(const char *workdir, const json_t *request, json_t **ret, err *e)
{
    struct sockaddr_un address;
    if (!address_make(workdir, &address, e)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return err_sys(e, errno, "socket");
    bool connected = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    int problem = errno;
    char *text = connected ? json_dumps(request, JSON_COMPACT) : NULL;
    char *line = text && line_send(fd, text) ? line_receive(fd, LINE_MAX_SIZE) : NULL;
    (void)close(fd);
    free(text);
    *ret = line ? json_loads(line, 0, NULL) : NULL;
    free(line);
    if (*ret) return true;
    if (!connected && problem != ENOENT && problem != ECONNREFUSED)
        return err_sys(e, problem, "'%s'", address.sun_path);
    err_set(e, ERR_STATE,
            connected ? "the process that runs the move went away"
                      : "no process runs the move in '%s'",
            workdir);
    return err_hint(
        e,
        "start it, with the options it had (--switch-hook among them): handover migrate run "
        "--workdir %s",
        workdir);
}

bool control_ask_status(const char *workdir, char **ret_json, err *e)
{
    json_t *request = json_pack("{s:s}", "order", "status");
    json_t *answer = NULL;
    bool done = answer_fetch(workdir, request, &answer, e);
    if (done) *ret_json = json_dumps(answer, JSON_INDENT(2));
    json_decref(request);
    json_decref(answer);
    return done;
}

void control_trouble_read(const json_t *answer, err *e)
{
    const char *text = json_string_value(json_object_get(answer, "error"));
    const char *hint = json_string_value(json_object_get(answer, "hint"));
    json_int_t kind = json_integer_value(json_object_get(answer, "kind"));
    json_int_t side = json_integer_value(json_object_get(answer, "side"));
    bool known = kind > ERR_NONE && kind <= ERR_STOPPED && side >= SIDE_NONE && side <= SIDE_TARGET;
    (void)err_set(e, known ? (err_kind)kind : ERR_FORMAT, "%s", text ? text : "");
    if (hint && hint[0]) (void)err_hint(e, "%s", hint);
    (void)err_blame(e, known ? (err_side)side : SIDE_NONE);
}

bool control_ask(const char *workdir, move_order *o, char **ret_text, err *e)
{
    json_t *request =
        json_pack("{s:s, s:b, s:b, s:b, s:b, s:b}", "order", order_name(o->kind), "dry_run",
                  o->cutover.dry_run, "force", o->cutover.force, "undo", o->cutover.undo,
                  "skip_verify", o->cutover.skip_verify, "skip_network", o->cutover.skip_network);
    json_t *answer = NULL;
    if (o->list) (void)json_object_set(request, "list", o->list);
    if (o->kind == ORDER_THROTTLE) throttle_to_json(&o->throttle, request);
    bool done = answer_fetch(workdir, request, &answer, e);
    if (done && json_is_true(json_object_get(answer, "good"))) {
        const char *text = json_string_value(json_object_get(answer, "text"));
        *ret_text = mem_text(span_text(text ? text : ""));
        o->refused = (uint64_t)json_integer_value(json_object_get(answer, "refused"));
    } else if (done) {
        control_trouble_read(answer, e);
        done = false;
    }
    json_decref(request);
    json_decref(answer);
    return done;
}
