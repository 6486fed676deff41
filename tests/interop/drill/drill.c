/* drill default|recommended: hiredis as a client of the failover drill (docs/drill.md), one write
 * after the other. By default as the library leaves it: nobody connects again. Recommended: time
 * limits, and a new connection after any failure, READONLY and ten seconds. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define AGE_S 10

static const char *drill(const char *name)
{
    char whole[64];
    (void)snprintf(whole, sizeof whole, "HANDOVER_DRILL_%s", name);
    return getenv(whole);
}

static redisContext *opened(int recommended)
{
    const struct timeval limit = {.tv_sec = 1};
    int port = (int)strtol(drill("PORT"), NULL, 10);
    redisContext *c = recommended ? redisConnectWithTimeout(drill("HOST"), port, limit)
                                  : redisConnect(drill("HOST"), port);
    if (c && !c->err && recommended) (void)redisSetTimeout(c, limit);
    if (c && !c->err) freeReplyObject(redisCommand(c, "CLIENT SETNAME %s", drill("NAME")));
    return c;
}

int main(int count, char **words)
{
    int recommended = count > 1 && strcmp(words[1], "recommended") == 0;
    redisContext *c = opened(recommended);
    time_t since = time(NULL);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)printf("library hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    for (long n = 1;; n++) {
        redisReply *r = c && !c->err ? redisCommand(c, "SET %s%ld 1 EX %s", drill("PREFIX"), n,
                                                    drill("EXPIRY_S"))
                                     : NULL;
        if (r && r->type != REDIS_REPLY_ERROR)
            (void)printf("ok %ld\n", n);
        else
            (void)printf("error %s\n", r ? r->str : c ? c->errstr : "no memory");
        int again = !r || r->type == REDIS_REPLY_ERROR || time(NULL) - since >= AGE_S;
        if (r) freeReplyObject(r);
        if (recommended && again) {
            if (c) redisFree(c);
            c = opened(recommended);
            since = time(NULL);
        }
        (void)usleep(30000);
    }
}
