#include "migrate/progress.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "migrate/facts.h"
#include "migrate/status.h"

#define BAR_WIDTH 20
#define DRAW_LINE_MS 200
#define DRAW_PLAIN_MS 5000
/* A rate follows the last second or so. */
#define SMOOTHING 0.3

void progress_init(progress *p, progress_kind kind)
{
    if (kind == PROGRESS_AUTO) kind = isatty(STDERR_FILENO) ? PROGRESS_LINE : PROGRESS_PLAIN;
    *p = (progress){.kind = kind};
}

static void smooth(double *rate, uint64_t now, uint64_t before, double seconds)
{
    double fresh = now >= before ? (double)(now - before) / seconds : 0;
    *rate = *rate <= 0 ? fresh : *rate * (1 - SMOOTHING) + fresh * SMOOTHING;
    if (*rate < 0.01) *rate = 0;
}

/* 0 to 1; below 0 when nobody knows (a diskless snapshot has no size). */
static double done_part(const link_status *s)
{
    if (s->phase == LINK_STREAM) return 1;
    if (s->receiver.snapshot_total)
        return (double)s->progress.snapshot_bytes / (double)s->receiver.snapshot_total;
    if (s->snapshot.complete && s->snapshot.end)
        return (double)s->progress.snapshot_bytes / (double)s->snapshot.end;
    return -1;
}

static double eta_find(const move *m, const link_status *s)
{
    if (s->phase == LINK_SNAPSHOT) {
        uint64_t total = s->receiver.snapshot_total ? s->receiver.snapshot_total
                         : s->snapshot.complete     ? s->snapshot.end
                                                    : 0;
        if (!total || m->bytes_per_s < 1) return -1; /* it stands: nobody knows */
        return (double)(total - size_min(total, s->progress.snapshot_bytes)) / m->bytes_per_s;
    }
    if (s->phase != LINK_STREAM || s->lag_bytes == 0) return s->phase == LINK_STREAM ? 0 : -1;
    return m->bytes_per_s >= 1 ? (double)s->lag_bytes / m->bytes_per_s : -1;
}

static const char *phase_name(link_phase phase)
{
    static const char *const names[] = {"connecting", "waiting for the source",
                                        "snapshot",   "deleting what is gone",
                                        "stream",     "paused",
                                        "stopped"};
    return names[phase];
}

static void bar_draw(char *out, double part)
{
    int full = part < 0 ? 0 : (int)(part * BAR_WIDTH + 0.5);
    for (int i = 0; i < BAR_WIDTH; i++)
        out[i] = "-.#"[i < full ? 2 : part < 0 ? 1 : 0];
    out[BAR_WIDTH] = '\0';
}

static void line_make(char *out, size_t size, const move *m, const link_status *s)
{
    char bar[BAR_WIDTH + 1];
    char eta[32] = "";
    bar_draw(bar, done_part(s));
    if (m->eta_s > 0.5) (void)snprintf(eta, sizeof eta, " ETA %.0f s", m->eta_s);
    status_reason reason = status_reason_of(m, s);
    const char *why = s->phase == LINK_PAUSED && !s->trouble.kind ? "" : reason.text;
    (void)snprintf(
        out, size, "%-22s [%s] %" PRIu64 " keys %.0f/s, %s/s, lag %" PRId64 " ms%s%s%.120s%s",
        m->verifying ? "following, verifying" : phase_name(s->phase), bar,
        s->progress.snapshot_keys, s->phase == LINK_STREAM ? m->commands_per_s : m->keys_per_s,
        bytes_show(m->bytes_per_s).text, s->lag_ms, eta, why[0] ? " (" : "", why,
        why[0] ? ")" : "");
}

void progress_update(progress *p, move *m, const link_status *s)
{
    int64_t now = clock_ns();
    double seconds = p->last_ns ? (double)(now - p->last_ns) / (double)NS_PER_S : 0;
    uint64_t bytes =
        s->phase == LINK_STREAM ? s->progress.applied_offset : s->progress.snapshot_bytes;
    if (seconds < 0.05 && p->last_ns) return;
    pthread_mutex_lock(&m->lock);
    if (seconds > 0) {
        smooth(&m->keys_per_s, s->progress.snapshot_keys, p->last_keys, seconds);
        smooth(&m->commands_per_s, s->progress.commands, p->last_commands, seconds);
        if (bytes >= p->last_bytes && p->last_bytes)
            smooth(&m->bytes_per_s, bytes, p->last_bytes, seconds);
    }
    m->eta_s = eta_find(m, s);
    pthread_mutex_unlock(&m->lock);
    p->last_ns = now;
    p->last_keys = s->progress.snapshot_keys;
    p->last_commands = s->progress.commands;
    p->last_bytes = bytes;
    if (p->kind == PROGRESS_NONE || now < p->next_ns) return;
    bool line = p->kind == PROGRESS_LINE;
    p->next_ns = now + (line ? DRAW_LINE_MS : DRAW_PLAIN_MS) * NS_PER_MS;
    char text[400];
    pthread_mutex_lock(&m->lock);
    line_make(text, sizeof text, m, s);
    pthread_mutex_unlock(&m->lock);
    if (line) {
        log_status(text);
    } else {
        log_info("%s", text);
    }
    p->drawn = line;
}

void progress_end(progress *p)
{
    if (p->drawn) log_status(NULL);
    p->drawn = false;
}
