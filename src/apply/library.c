#include "apply/library.h"

bool library_name(span code, span *ret)
{
    span line;
    span word;
    if (!span_cut(&code, '\n', &line)) return false;
    while (span_cut(&line, ' ', &word)) {
        if (!span_starts(word, "name=")) continue;
        *ret = span_tail(word, 5);
        if (ret->size && ret->at[ret->size - 1] == '\r') ret->size--;
        return true;
    }
    return false;
}
