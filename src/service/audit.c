/* SPDX-License-Identifier: Apache-2.0 */
#include "service/audit.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "store/audit.h"

enum { DETAIL_BYTES = 4096 };

void deed_add_field(struct deed *d, const char *name)
{
    if (d->field_count < AUDIT_MAX_FIELDS)
        d->fields[d->field_count++] = name;
}

static void write_detail(struct buf *out, const struct deed *deed)
{
    struct json_out j;
    json_out_init(&j, out);
    json_object(&j);
    if (deed->name.n)
        json_kv_str(&j, "name", deed->name);
    json_key(&j, "fields");
    json_array(&j);
    for (size_t i = 0; i < deed->field_count; i++)
        json_str(&j, str_of(deed->fields[i]));
    json_array_end(&j);
    json_object_end(&j);
}

enum status audit_note(struct db_conn *tx, const struct actor *actor, const struct deed *deed,
                       struct err *err)
{
    _cleanup_(buf_cleanup) struct buf detail = BUF_INIT(DETAIL_BYTES);
    char target[64];
    if (deed->id)
        snprintf(target, sizeof(target), "%s:%" PRId64, deed->kind, deed->id);
    else
        snprintf(target, sizeof(target), "%s", deed->kind);
    write_detail(&detail, deed);
    const struct audit_row row = {
        .actor_id = actor->user_id,
        .actor_email = actor->email,
        .action = str_of(deed->action),
        .target = str_of(target),
        .detail = buf_str(&detail),
        .address = actor->address.p ? actor->address : STR(""),
        .created_at = clock_wall_ms(),
    };
    return audit_insert(tx, &row, err);
}
