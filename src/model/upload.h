/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upload — a file that a user brought, and what it is meant for (SPEC section 6). */
#include "model/object.h"

enum upload_sub_type {
    UPLOAD_REFERENCE,
    UPLOAD_OC_AVATAR,
    UPLOAD_OC_GALLERY,
    UPLOAD_OC_GALLERY_VIDEO,
    UPLOAD_USER_AVATAR,
    UPLOAD_USER_BACKGROUND,
    UPLOAD_WORLD_BACKGROUND,
    UPLOAD_SCENE, /* these two only where the administrator's list has them */
    UPLOAD_OTHER,
    UPLOAD_SUB_TYPES /* how many there are */
};

/* "oc-gallery-video" */
const char *upload_sub_type_name(enum upload_sub_type t);
bool upload_sub_type_parse(struct str s, enum upload_sub_type *ret);
/* A video, else an image. */
bool upload_is_video(enum upload_sub_type t);
/* COUNTER_UPLOAD where the tier's quota counts it (UP-6), else COUNTER_FREE. */
enum object_counter upload_counter(enum upload_sub_type t);
/* It has rows of its own, and by them a UUID (UP-3). */
bool upload_has_uuid(enum upload_sub_type t);

/* What one file may be, for one user and sub-type. */
struct upload_limits {
    int64_t bytes;  /* of the file */
    int64_t pixels; /* of an image: width times height */
};

/* A whole file in a store, as it goes into the rows and comes out of them. */
struct upload_record {
    int64_t user_id;
    enum upload_sub_type sub_type;
    int64_t object_id, poster_object_id; /* poster 0: none */
    struct str key, type;                /* storage key, MIME type */
    struct str name;                     /* as its owner called it; STR_NONE: unknown */
    int64_t size;                        /* bytes */
    int width, height;                   /* 0: unknown */
    int64_t duration_ms;                 /* 0: unknown, or an image */
    int64_t created_at;                  /* wall ms */
    /* Only when it comes out. */
    struct str uuid; /* STR_NONE: a reference */
    enum storage_type storage;
    int64_t store_id; /* which one of that kind; 0: the present one */
    int64_t used_at;  /* of a reference, wall ms; else 0 */
};
