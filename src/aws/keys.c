#include "aws/keys.h"

#include <jansson.h>

#include "base/mem.h"

#define TOKEN_SIZE_MAX SECRET_SIZE_MAX

void aws_keys_clear(aws_keys *k)
{
    secret_clear(&k->key);
    secret_clear(&k->token);
    *k = (aws_keys){0};
}

static bool number(span *s, size_t digits, char end, int *ret)
{
    *ret = 0;
    if (s->size < digits) return false;
    for (size_t i = 0; i < digits; i++) {
        if (s->at[i] < '0' || s->at[i] > '9') return false;
        *ret = *ret * 10 + (s->at[i] - '0');
    }
    *s = span_tail(*s, digits);
    if (!end) return true;
    if (s->size == 0 || s->at[0] != (uint8_t)end) return false;
    *s = span_tail(*s, 1);
    return true;
}

/* "Z", "+01:00", "-0330": seconds east. */
static bool zone(span s, int *ret)
{
    int hours = 0;
    int minutes = 0;
    if (span_is(s, "Z")) {
        *ret = 0;
        return true;
    }
    if (s.size == 0 || (s.at[0] != '+' && s.at[0] != '-')) return false;
    int sign = s.at[0] == '-' ? -1 : 1;
    span rest = span_tail(s, 1);
    if (!number(&rest, 2, '\0', &hours)) return false;
    if (rest.size && rest.at[0] == ':') rest = span_tail(rest, 1);
    if (!number(&rest, 2, '\0', &minutes) || rest.size) return false;
    *ret = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool aws_time_read(span text, int64_t *ret_wall_ms, err *e)
{
    struct tm t = {0};
    int east = 0;
    span s = text;
    bool good = number(&s, 4, '-', &t.tm_year) && number(&s, 2, '-', &t.tm_mon) &&
                number(&s, 2, 'T', &t.tm_mday) && number(&s, 2, ':', &t.tm_hour) &&
                number(&s, 2, ':', &t.tm_min) && number(&s, 2, '\0', &t.tm_sec);
    if (good && s.size && s.at[0] == '.') {
        s = span_tail(s, 1);
        while (s.size && s.at[0] >= '0' && s.at[0] <= '9')
            s = span_tail(s, 1);
    }
    good = good && zone(s, &east) && t.tm_year >= 1970 && t.tm_mon >= 1 && t.tm_mon <= 12 &&
           t.tm_mday >= 1 && t.tm_mday <= 31 && t.tm_hour < 24 && t.tm_min < 60 && t.tm_sec <= 60;
    if (!good) return err_set(e, ERR_FORMAT, "'%s' is not a time", span_show(text).text);
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    *ret_wall_ms = ((int64_t)timegm(&t) - east) * 1000;
    return true;
}

static bool is_printable(span s)
{
    for (size_t i = 0; i < s.size; i++)
        if (s.at[i] <= ' ' || s.at[i] > '~') return false;
    return true;
}

bool aws_keys_make(span id, span key, span token, span expiration, aws_keys *ret, err *e)
{
    aws_keys k = {0};
    if (id.size == 0 || key.size == 0) {
        return err_set(e, ERR_FORMAT, "an access key without %s",
                       id.size ? "its secret" : "its id");
    }
    if (id.size > AWS_KEY_ID_MAX || key.size > SECRET_SIZE_MAX || token.size > TOKEN_SIZE_MAX)
        return err_set(e, ERR_LIMIT, "an access key, a secret or a session token is too long");
    /* They stand in headers: a line break in one would begin another. */
    if (!is_printable(id) || !is_printable(key) || !is_printable(token))
        return err_set(e, ERR_FORMAT, "an access key, a secret or a session token holds a blank");
    if (expiration.size && !aws_time_read(expiration, &k.expires_ms, e)) return false;
    memcpy(k.id, id.at, id.size);
    secret_set(&k.key, key);
    if (token.size) secret_set(&k.token, token);
    *ret = k;
    return true;
}

static span member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) return (span){0};
    return span_of(json_string_value(value), json_string_length(value));
}

static bool object_read(const json_t *object, bool process, aws_keys *ret, err *e)
{
    span token = member(object, "SessionToken");
    span code = member(object, "Code");
    span message = member(object, "Message");
    json_int_t version = json_integer_value(json_object_get(object, "Version"));
    if (process && version != 1)
        return err_set(e, ERR_FORMAT, "its \"Version\" is %lld, known is 1", (long long)version);
    if (code.size && !span_is(code, "Success"))
        return err_set(e, ERR_AWS, "%s: %s", span_show(code).text, span_show(message).text);
    if (token.size == 0) token = member(object, "Token");
    return aws_keys_make(member(object, "AccessKeyId"), member(object, "SecretAccessKey"), token,
                         member(object, "Expiration"), ret, e);
}

bool aws_keys_read_json(span text, bool process, aws_keys *ret, err *e)
{
    json_error_t why = {0};
    const char *at = text.size ? (const char *)text.at : "";
    json_t *object = json_loadb(at, text.size, JSON_REJECT_DUPLICATES, &why);
    /* jansson's text may quote what it read, which may be a secret: the place alone. */
    if (!object) return err_set(e, ERR_FORMAT, "not JSON, in line %d", why.line);
    bool good = json_is_object(object) ? object_read(object, process, ret, e)
                                       : err_set(e, ERR_FORMAT, "not a JSON object");
    json_decref(object);
    return good;
}
