#include "repl/replica_ask.h"

bool replica_ask(engine *replica, span source, replica_need need, err *e)
{
    CLEANUP(arena_clear) arena memory = {0};
    span info;
    span value;
    err ignored;
    need.keeps_all =
        engine_config(replica, &memory, "replica-ignore-maxmemory", &value, &ignored) &&
        span_is(value, "yes");
    return engine_info(replica, &memory, "all", &info, e) && replica_fits(source, info, &need, e);
}
