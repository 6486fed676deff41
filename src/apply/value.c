#include "apply/value.h"

#include "apply/rules.h"
#include "base/crc64.h"
#include "resp/command.h"

static bool full(err *e, span key)
{
    return err_set(e, ERR_LIMIT, "no room to send key '%s'", span_show(key).text);
}

bool value_fields_may_expire(const rdb_type *type)
{
    return type->kind == RDB_KIND_HASH && type->number >= RDB_TYPE_DIVERGES;
}

bool value_is_taken(const rdb_type *type, unsigned target_rdb_version)
{
    return !value_fields_may_expire(type) && rdb_type_is_loaded(type, target_rdb_version);
}

bool value_is_plain(const value_item *v, rdb_decimal *number, span *ret)
{
    bool usage = v->idle_s >= 0 || v->frequency >= 0;
    if (v->type->kind != RDB_KIND_STRING || usage) return false;
    cursor in = cursor_of(v->value);
    rdb_string_head head;
    err ignored;
    if (rdb_string_head_read(&in, VALUE_BYTES_MAX, &head, &ignored) != STEP_DONE) return false;
    if (head.form == RDB_STRING_LZF) return false; /* the target decompresses as well as we do */
    if (head.form == RDB_STRING_NUMBER) {
        rdb_decimal_write(head.number, number);
        *ret = rdb_decimal_span(number);
        return true;
    }
    return cursor_take(&in, head.size, ret);
}

static bool set_write(const value_item *v, span value, buf *out)
{
    bool expires = v->expires_at_ms >= 0;
    bool fits = resp_begin(out, expires ? 5 : 3) && resp_arg_text(out, "SET") &&
                resp_arg(out, v->key) && resp_arg(out, value);
    if (!expires) return fits;
    return fits && resp_arg_text(out, "PXAT") && resp_arg_i64(out, v->expires_at_ms);
}

static bool restore_write(const value_item *v, buf *out)
{
    uint8_t type = v->type->number;
    uint64_t crc = crc64_update(crc64_update(0, span_of(&type, 1)), v->value);
    rdb_footer footer = rdb_footer_make(crc, (uint16_t)v->rdb_version);
    bool expires = v->expires_at_ms >= 0;
    bool usage = v->idle_s >= 0 || v->frequency >= 0;
    bool fits = resp_begin(out, 5 + (expires ? 1U : 0U) + (usage ? 2U : 0U)) &&
                resp_arg_text(out, "RESTORE") && resp_arg(out, v->key) &&
                resp_arg_i64(out, expires ? v->expires_at_ms : 0) &&
                resp_arg_head(out, 1 + v->value.size + sizeof footer.at) && buf_u8(out, type) &&
                buf_append(out, v->value) &&
                buf_append(out, span_of(footer.at, sizeof footer.at)) && resp_arg_end(out) &&
                resp_arg_text(out, "REPLACE");
    if (expires) fits = fits && resp_arg_text(out, "ABSTTL");
    if (!usage) return fits;
    bool idle = v->idle_s >= 0;
    return fits && resp_arg_text(out, idle ? "IDLETIME" : "FREQ") &&
           resp_arg_i64(out, idle ? v->idle_s : v->frequency);
}

bool value_write(const value_item *v, buf *out, err *e)
{
    rdb_decimal number;
    span plain = {0};
    bool whole = v->expires_at_ms >= 0 && rdb_is_before_7(v->rdb_version);
    bool string = !whole && value_is_plain(v, &number, &plain);
    bool fits = string ? set_write(v, plain, out) : restore_write(v, out);
    return fits || full(e, v->key);
}

static bool elements_write(const rdb_payload *p,
                           span key,
                           int64_t expires_at_ms,
                           const value_target *target,
                           buf *out,
                           err *e)
{
    value_writer *w = value_writer_new(p->type, key, expires_at_ms, target);
    cursor in = cursor_of(p->value);
    step got = STEP_MORE;
    size_t commands = 1;
    while (got == STEP_MORE && commands > 0)
        got = value_writer_step(w, &in, out, &commands, e);
    value_writer_free(w);
    if (got == STEP_MORE) (void)err_set(e, ERR_FORMAT, "the value ends early");
    return got == STEP_DONE;
}

bool value_payload_write(const rdb_payload *p,
                         span key,
                         int64_t expires_at_ms,
                         bool elements,
                         const value_target *target,
                         buf *out,
                         err *e)
{
    if (elements || !value_is_taken(p->type, target->rdb_version))
        return elements_write(p, key, expires_at_ms, target, out, e);
    value_item v = {.type = p->type,
                    .key = key,
                    .value = p->value,
                    .expires_at_ms = expires_at_ms,
                    .idle_s = -1,
                    .frequency = -1,
                    .rdb_version = target->rdb_version};
    return value_write(&v, out, e);
}
