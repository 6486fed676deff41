#include "audit/audit_internal.h"

static const audit_rule_row acceptance_rows[] = {
    {"accepted-expired", DIMENSION_NONE,
     "An entry of the acceptance file has run out: its finding counts again."},
    {"accepted-unused", DIMENSION_NONE,
     "An entry of the acceptance file names nothing that was found: it was mended, or the id is "
     "mistyped."},
};

static const audit_rule_set acceptance = {REPORT_ACCEPT_AREA, acceptance_rows,
                                          COUNT_OF(acceptance_rows), NULL};

static const audit_rule_set *const sets[] = {
    &audit_settings,   &audit_commands,   &audit_users,    &audit_clients, &audit_data,
    &audit_operations, &audit_monitoring, &audit_boundary, &audit_unread,  &acceptance,
};

const audit_rule_set *audit_rule_set_at(size_t n)
{
    return n < COUNT_OF(sets) ? sets[n] : NULL;
}

const audit_rule_row *audit_rule_row_find(const char *id)
{
    size_t size = finding_rule_size(id);
    for (size_t s = 0; s < COUNT_OF(sets); s++) {
        for (size_t i = 0; i < sets[s]->row_count; i++) {
            const audit_rule_row *row = &sets[s]->rows[i];
            if (strlen(row->rule) == size && memcmp(row->rule, id, size) == 0) return row;
        }
    }
    return NULL;
}
