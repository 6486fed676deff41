#include "inspect/inspect.h"

#include "inspect/engines.h"

bool inspect_run(const char *path, size_t largest_max, inspect_summary *ret, err *e)
{
    *ret = (inspect_summary){0};
    dump_options o = {.largest_max = largest_max};
    if (!dump_read(path, &o, &ret->file, e)) return false;
    engines_judge(ret);
    return true;
}

void inspect_summary_clear(inspect_summary *s)
{
    dump_summary_clear(&s->file);
    *s = (inspect_summary){0};
}
