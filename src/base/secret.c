#include "base/secret.h"

#include "base/mem.h"

void secret_set(secret *s, span value)
{
    secret_clear(s);
    s->at = mem_alloc(value.size);
    s->size = value.size;
    if (value.size) memcpy(s->at, value.at, value.size);
}

span secret_span(const secret *s)
{
    return span_of(s->at, s->size);
}

void secret_clear(secret *s)
{
    if (s->at) explicit_bzero(s->at, s->size);
    free(s->at);
    *s = (secret){0};
}
