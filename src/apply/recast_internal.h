/* apply/recast_internal.h: a command while it is recast, for the files that know the forms. */
#pragma once
#include "apply/recast.h"
#include "resp/command.h"

typedef struct {
    size_t count;
    const span *args;
    size_t at; /* the next argument */
    const rewrite_times *t;
    buf *out;
    recast_result *result;
} recast_form;

bool recast_malformed(const recast_form *f, err *e);
/* Whether the present argument is that word, in any case. */
bool recast_word_is(const recast_form *f, const char *word);
/* Answers `fits`; without it the error that there was no room. */
bool recast_full(const recast_form *f, bool fits, err *e) MUST_CHECK;
/* Nothing is written of it: `key` needs somebody. Answers true. */
bool recast_aside(recast_form *f, span key, const char *why);

/* The forms of 6.2 and newer in those of redis 6.0 (apply/recast_before_7.c). */
typedef bool recast_write(recast_form *f, err *e) MUST_CHECK;
recast_write recast_copy;
recast_write recast_geo_radius;
recast_write recast_geo_search_store;
recast_write recast_list_move;
recast_write recast_list_pop;
recast_write recast_zadd;
recast_write recast_zdiff_store;
recast_write recast_zrange_store;
recast_write recast_xclaim;
recast_write recast_xgroup;
recast_write recast_xsetid;
/* What XTRIM key MINID id does; the entry's or the trim's own command is another matter. */
bool recast_trim_below(recast_form *f, span id, err *e) MUST_CHECK;
