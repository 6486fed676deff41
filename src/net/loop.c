#include "net/loop.h"

#include "base/mem.h"

net_loop *net_loop_new(void)
{
    net_loop *l = mem_alloc(sizeof *l);
    int failed = uv_loop_init(&l->uv);
    assert(!failed); /* only out of file descriptors or memory */
    failed = uv_timer_init(&l->uv, &l->timer);
    assert(!failed);
    return l;
}

void net_loop_free(net_loop *l)
{
    if (!l) return;
    uv_close((uv_handle_t *)&l->timer, NULL);
    while (uv_run(&l->uv, UV_RUN_NOWAIT) != 0)
        continue;
    int busy = uv_loop_close(&l->uv);
    assert(!busy); /* a connection or wake outlived its loop */
    free(l);
}

static void timer_rang(uv_timer_t *timer)
{
    (void)timer; /* it only ends the turn */
}

void net_loop_turn(net_loop *l, int timeout_ms)
{
    if (timeout_ms <= 0) {
        (void)uv_run(&l->uv, UV_RUN_NOWAIT); /* its answer tells only whether handles are left */
        return;
    }
    uv_update_time(&l->uv);
    int failed = uv_timer_start(&l->timer, timer_rang, (uint64_t)timeout_ms, 0);
    assert(!failed);
    (void)uv_run(&l->uv, UV_RUN_ONCE);
    (void)uv_timer_stop(&l->timer); /* never fails on a live timer */
}

struct net_wake {
    uv_async_t async;
};

static void wake_came(uv_async_t *async)
{
    (void)async; /* it only ends the turn */
}

net_wake *net_wake_new(net_loop *l)
{
    net_wake *w = mem_alloc(sizeof *w);
    int failed = uv_async_init(&l->uv, &w->async, wake_came);
    assert(!failed);
    return w;
}

void net_wake_send(net_wake *w)
{
    int failed = uv_async_send(&w->async);
    assert(!failed);
}

static void wake_closed(uv_handle_t *handle)
{
    free(handle);
}

void net_wake_free(net_wake *w)
{
    if (w) uv_close((uv_handle_t *)&w->async, wake_closed);
}
