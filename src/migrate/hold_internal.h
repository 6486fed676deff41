/* migrate/hold_internal.h: what the three forms of hold.h share. */
#pragma once
#include "migrate/hold.h"

typedef struct {
    size_t count;
    const char *args[6];
} hold_act;

#define HOLD_ACT_INFO                                                                              \
    {                                                                                              \
        2,                                                                                         \
        {                                                                                          \
            "INFO", "replication"                                                                  \
        }                                                                                          \
    }

/* One form; NULL: there is nothing to do. The words are those of hold.h. */
typedef struct {
    bool (*check)(move *m, err *e);
    bool (*plan)(move *m, err *e);
    bool (*begin)(move *m, uint64_t *ret_offset, err *e);
    bool (*fence)(move *m, uint64_t *ret_offset, err *e);
    bool (*end)(move *m, err *e);
} hold_ops;

extern const hold_ops hold_by_writes;   /* hold.c */
extern const hold_ops hold_by_users;    /* hold_users.c */
extern const hold_ops hold_by_unpaused; /* hold_unpaused.c */

/* MULTI; the commands, INFO replication among them; EXEC, on the source in one go. The offset of
 * that INFO. */
bool hold_act_and_read(move *m, const hold_act *acts, size_t count, uint64_t *ret_offset, err *e)
    MUST_CHECK;
/* The offset in the text of INFO replication. */
bool hold_offset_in(span info, uint64_t *ret, err *e) MUST_CHECK;
