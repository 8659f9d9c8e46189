/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* object — one stored file and the counter it is charged to (SPEC SG-6). */
#include "base/str.h"
#include "model/generation.h"

/* COUNTER_FREE: references, avatars, posters, inputs: stored, never charged. */
enum object_counter { COUNTER_SORA, COUNTER_UPLOAD, COUNTER_FREE };
enum object_state { OBJECT_WRITING, OBJECT_STORED };

struct object {
    int64_t id, user_id, generation_id; /* 0: none */
    enum object_counter counter;
    enum storage_type storage;      /* STORAGE_LOCAL or STORAGE_S3 */
    struct str key, type, checksum; /* checksum: lower-case hex SHA-256 */
    enum object_state state;
    int64_t reserved, size; /* bytes */
    int64_t place;          /* among a generation's objects; -1: its poster */
    int64_t lease_until, created_at;
};

const char *object_counter_name(enum object_counter c);
bool object_counter_parse(struct str s, enum object_counter *ret);
const char *object_state_name(enum object_state s);
