#include "net/resolve.h"

#include "base/clock.h"
#include "base/mem.h"

/* The query outlives its asker when the deadline passes first; the last of the two frees it. */
typedef struct {
    uv_getaddrinfo_t request;
    struct addrinfo *found;
    int status;
    bool answered;
    bool abandoned;
} query;

static void query_answered(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    query *q = request->data;
    q->answered = true;
    q->status = status;
    q->found = found;
    if (!q->abandoned) return;
    uv_freeaddrinfo(found);
    free(q);
}

bool resolve_run(net_loop *l,
                 const char *host,
                 uint16_t port,
                 int64_t deadline_ns,
                 struct addrinfo **ret,
                 err *e)
{
    query *q = mem_alloc(sizeof *q);
    q->request.data = q;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int failed = uv_getaddrinfo(&l->uv, &q->request, query_answered, host, service, &hints);
    if (failed) {
        free(q);
        return err_set(e, ERR_IO, "resolve '%s': %s", host, uv_strerror(failed));
    }
    while (!q->answered && deadline_left_ms(deadline_ns) > 0)
        net_loop_turn(l, deadline_left_ms(deadline_ns));
    if (!q->answered) {
        q->abandoned = true;
        (void)uv_cancel((uv_req_t *)&q->request); /* refused when it already runs: then it ends */
        return err_set(e, ERR_TIMEOUT, "resolve '%s': no answer in time", host);
    }
    int status = q->status;
    struct addrinfo *found = q->found;
    free(q);
    /* The name servers were silent, or could not tell: nothing is known about the name. */
    if (status == UV_EAI_AGAIN)
        return err_set(e, ERR_TIMEOUT, "resolve '%s': %s", host, uv_strerror(status));
    if (status) return err_set(e, ERR_IO, "resolve '%s': %s", host, uv_strerror(status));
    *ret = found;
    return true;
}
