/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* json_out — a streaming JSON writer onto a capped buffer (RFC 8259).
 *
 * Commas and quoting are its business.  Text that is not valid UTF-8 is written
 * with U+FFFD in place of each bad byte, so the output always parses.  Past the
 * buffer's cap everything is dropped and buf_failed() tells. */
#include "base/buf.h"

enum { JSON_OUT_DEPTH = 32 };

struct json_out {
    struct buf *out;
    unsigned depth;
    bool after_key;
    bool has_items[JSON_OUT_DEPTH];
};

void json_out_init(struct json_out *j, struct buf *out);

void json_object(struct json_out *j);
void json_object_end(struct json_out *j);
void json_array(struct json_out *j);
void json_array_end(struct json_out *j);
/* The key of the next value inside an object. */
void json_key(struct json_out *j, const char *key);

void json_str(struct json_out *j, struct str value);
void json_int(struct json_out *j, int64_t value);
/* Finite numbers; others become null. */
void json_real(struct json_out *j, double value);
void json_bool(struct json_out *j, bool value);
void json_null(struct json_out *j);
/* Bytes that are JSON already (a stored document). */
void json_raw(struct json_out *j, struct str value);
/* RFC 3339, or null for 0. */
void json_time(struct json_out *j, int64_t wall_ms);

/* key and value in one. */
void json_kv_str(struct json_out *j, const char *key, struct str value);
/* null when the view is STR_NONE. */
void json_kv_str_or_null(struct json_out *j, const char *key, struct str value);
void json_kv_z(struct json_out *j, const char *key, const char *value);
void json_kv_int(struct json_out *j, const char *key, int64_t value);
void json_kv_bool(struct json_out *j, const char *key, bool value);
void json_kv_null(struct json_out *j, const char *key);
void json_kv_time(struct json_out *j, const char *key, int64_t wall_ms);
