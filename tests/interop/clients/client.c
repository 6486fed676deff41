/* client PORT: hiredis connects, uses a key, says "ready", stays until its input ends. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words)
{
    redisContext *c =
        count == 2 ? redisConnect("127.0.0.1", (int)strtol(words[1], NULL, 10)) : NULL;
    if (!c || c->err) return 1;
    freeReplyObject(redisCommand(c, "SET hiredis 1"));
    (void)puts("ready");
    (void)fflush(stdout);
    while (getchar() != EOF) {
    }
    redisFree(c);
    return 0;
}
