/* inspect/keys_json.h: one key and its value as one line of JSON, written while it is decoded.
 *
 * A value of any size passes through; the expiries of a hash's fields stand behind its fields, so
 * they wait in a temporary file. The form is in docs/rdb.md. */
#pragma once
#include "dump/input.h"

bool keys_json_write(dump_input *r, struct rdb_decoder *d, const rdb_item *item, FILE *out, err *e)
    MUST_CHECK;
