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
    int64_t store_id;               /* which one of that kind; 0: the present one */
    struct str key, type, checksum; /* checksum: lower-case hex SHA-256 */
    enum object_state state;
    int64_t reserved, size; /* bytes */
    int64_t place;          /* among a generation's objects; -1: its poster */
    /* Writing: when its writer is taken for dead.  Stored: when it goes by itself; 0: never. */
    int64_t lease_until;
    int64_t created_at;
    struct str upload_id; /* STORAGE_S3, while writing: its upload in parts; STR_NONE: none */
    struct str source;    /* what must still hold of the link for the rest to fit */
};

/* A part that the store has, of an object that is being written. */
struct object_part {
    int64_t number, size;
    struct str etag;
    struct str digest; /* hex: the state of the object's digest behind it */
};

const char *object_counter_name(enum object_counter c);
bool object_counter_parse(struct str s, enum object_counter *ret);
