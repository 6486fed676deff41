/* What a verification found different, copied again through the move that runs: a feature does not
 * know the other, they meet here. Nothing is written to the target from here: the running link
 * copies each key by value at its own place in the stream (protocol.md, section 5). */
#include <stdio.h>

#include "base/log.h"
#include "cli/repair.h"
#include "journal/journal.h"
#include "migrate/migrate.h"

bool repair_begin(repair_list *l, const char *workdir, err *e)
{
    uint64_t ignored = 0;
    const char *policy = NULL;
    struct journal *j = NULL;
    *l = (repair_list){.workdir = workdir};
    if (!workdir) {
        (void)err_set(e, ERR_USAGE, "--repair needs to know which move runs");
        return err_hint(e, "give its work directory with --workdir");
    }
    bool good = journal_open(workdir, false, &j, e) &&
                journal_get(j, "target_policy", &l->memory, &policy, e);
    journal_close(j);
    l->keeps_extra = policy && strcmp(policy, "merge") == 0;
    /* Asked before hours of comparing: is there a link that follows? */
    return good && migrate_copy(workdir, NULL, 0, &ignored, e);
}

void repair_note(void *context, verify_class class, int db, span key)
{
    repair_list *l = context;
    static const bool mends[VERIFY_CLASSES] = {[VERIFY_MISSING] = true,
                                               [VERIFY_EXTRA] = true,
                                               [VERIFY_TYPE] = true,
                                               [VERIFY_VALUE] = true,
                                               [VERIFY_EXPIRY] = true};
    bool wanted = mends[class] && db >= 0 && !(class == VERIFY_EXTRA && l->keeps_extra);
    if (!wanted || l->count == REPAIR_KEYS_MAX || l->bytes + key.size > REPAIR_BYTES_MAX) {
        l->left++;
        return;
    }
    if (!l->keys) l->keys = arena_alloc(&l->memory, REPAIR_KEYS_MAX * sizeof *l->keys);
    l->keys[l->count++] = (migrate_key){.db = db, .key = arena_copy(&l->memory, key)};
    l->bytes += key.size;
}

bool repair_run(repair_list *l, err *e)
{
    uint64_t refused = 0;
    if (!migrate_copy(l->workdir, l->keys, l->count, &refused, e)) return false;
    for (size_t i = 0; i < l->count && i < REPAIR_SHOWN_MAX; i++)
        log_info("copied again: '%s' (db %d)", span_show(l->keys[i].key).text, l->keys[i].db);
    log_info("repair: %zu key%s copied again by value, through the running move; %" PRIu64
             " refused; %" PRIu64 " not of a kind that can be, or more than %zu",
             l->count - (size_t)refused, l->count - refused == 1 ? "" : "s", refused, l->left,
             REPAIR_KEYS_MAX);
    if (refused > 0) log_warn("what was refused is in the quarantine: 'migrate quarantine list'");
    return true;
}

void repair_end(repair_list *l)
{
    arena_clear(&l->memory);
    *l = (repair_list){0};
}
