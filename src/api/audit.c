/* SPDX-License-Identifier: Apache-2.0 */
/* audit — what administrators did (SPEC AD-2). */
#include "store/audit.h"

#include "api/handlers.h"
#include "api/query.h"

enum { ACTION_BYTES = 64 };

static void view_row(struct json_out *j, const struct audit_row *row)
{
    json_object(j);
    json_kv_int(j, "id", row->id);
    if (row->actor_id)
        json_kv_int(j, "actor_id", row->actor_id);
    else
        json_kv_null(j, "actor_id");
    json_kv_str(j, "actor_email", row->actor_email);
    json_kv_str(j, "action", row->action);
    json_kv_str(j, "target", row->target);
    json_key(j, "detail");
    json_raw(j, row->detail);
    json_kv_str(j, "address", row->address);
    json_kv_time(j, "created_at", row->created_at);
    json_object_end(j);
}

enum status audit_list_all(struct call *c, struct err *err)
{
    struct audit_filter filter = {.q = call_query(c, "q")};
    struct page page;
    struct audit_row *rows;
    size_t count;
    int64_t total;
    TRY(call_page(c, &page, err));
    TRY(query_text(c, "action", ACTION_BYTES, &filter.action, err));
    TRY(query_id(c, "actor_id", &filter.actor_id, err));
    TRY(query_time(c, "since", &filter.since, err));
    TRY(query_time(c, "until", &filter.until, err));
    TRY(audit_list(c->db, &filter, page.size, page.offset, c->arena, &rows, &count, &total, err));
    struct json_out *j = call_list_begin(c);
    for (size_t i = 0; i < count; i++)
        view_row(j, &rows[i]);
    call_list_end(c, &page, total);
    return OK;
}
