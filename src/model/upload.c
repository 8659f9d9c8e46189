/* SPDX-License-Identifier: Apache-2.0 */
#include "model/upload.h"

#include "model/words.h"

static const char *const names[] = {"reference",
                                    "oc-avatar",
                                    "oc-gallery",
                                    "oc-gallery-video",
                                    "user-avatar",
                                    "user-background",
                                    "world-background",
                                    "scene",
                                    "other",
                                    NULL};

const char *upload_sub_type_name(enum upload_sub_type t)
{
    return names[t];
}

bool upload_sub_type_parse(struct str s, enum upload_sub_type *ret)
{
    int i = word_index(names, s);
    if (i >= 0)
        *ret = (enum upload_sub_type)i;
    return i >= 0;
}

bool upload_is_video(enum upload_sub_type t)
{
    return t == UPLOAD_OC_GALLERY_VIDEO;
}

enum object_counter upload_counter(enum upload_sub_type t)
{
    bool counted = t == UPLOAD_OC_AVATAR || t == UPLOAD_OC_GALLERY || t == UPLOAD_OC_GALLERY_VIDEO;
    return counted ? COUNTER_UPLOAD : COUNTER_FREE;
}

bool upload_has_uuid(enum upload_sub_type t)
{
    return t != UPLOAD_REFERENCE;
}
