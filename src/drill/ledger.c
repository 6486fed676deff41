#include "drill/ledger.h"

#include "base/clock.h"

void ledger_init(ledger *l)
{
    *l = (ledger){0};
    (void)pthread_mutex_init(&l->lock, NULL); /* cannot fail without attributes */
}

void ledger_clear(ledger *l)
{
    free(l->writes);
    (void)pthread_mutex_destroy(&l->lock);
}

void ledger_attempt(ledger *l, uint64_t n)
{
    (void)pthread_mutex_lock(&l->lock);
    if (n > l->attempted) l->attempted = n;
    (void)pthread_mutex_unlock(&l->lock);
}

void ledger_acknowledge(ledger *l, uint64_t n)
{
    (void)pthread_mutex_lock(&l->lock);
    if (n > l->attempted) l->attempted = n;
    l->is_full = l->count == LEDGER_WRITES_MAX;
    if (!l->is_full) {
        if (l->count == l->room) {
            l->room = l->room ? 2 * l->room : 1024;
            l->writes = mem_realloc(l->writes, l->room * sizeof *l->writes);
        }
        l->writes[l->count++] = (ledger_write){.n = n, .at_ns = clock_ns()};
    }
    (void)pthread_mutex_unlock(&l->lock);
}

void ledger_fail(ledger *l, drill_failure kind, span text)
{
    (void)pthread_mutex_lock(&l->lock);
    if (l->failures[kind]++ == 0) {
        span cut = span_of(text.at, size_min(text.size, LEDGER_TEXT_SIZE - 1));
        if (cut.size) memcpy(l->examples[kind], cut.at, cut.size);
    }
    l->failed_ns = clock_ns();
    (void)pthread_mutex_unlock(&l->lock);
}

bool ledger_last(ledger *l, ledger_write *ret)
{
    (void)pthread_mutex_lock(&l->lock);
    bool any = l->count > 0;
    if (any) *ret = l->writes[l->count - 1];
    (void)pthread_mutex_unlock(&l->lock);
    return any;
}

uint64_t ledger_failures(ledger *l, int64_t *ret_last_ns)
{
    uint64_t all = 0;
    (void)pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < FAILURE_COUNT; i++)
        all += l->failures[i];
    *ret_last_ns = l->failed_ns;
    (void)pthread_mutex_unlock(&l->lock);
    return all;
}

int64_t ledger_stall_ns(const ledger *l, int64_t from_ns, int64_t until_ns)
{
    int64_t longest = 0;
    int64_t before = from_ns;
    for (size_t i = 0; i < l->count; i++) {
        int64_t at = l->writes[i].at_ns;
        if (at > from_ns && at - before > longest) longest = at - before;
        before = at;
    }
    return until_ns - before > longest ? until_ns - before : longest;
}
