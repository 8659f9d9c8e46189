/* SPDX-License-Identifier: Apache-2.0 */
/* admin_jobs — everybody's jobs, for administrators (SPEC AD-2). */
#include "api/handlers.h"
#include "api/messages.h"
#include "api/query.h"
#include "store/job_history.h"

enum { MODEL_BYTES = 256 };

static enum status read_filter(struct call *c, struct job_filter *ret, struct err *err)
{
    static const char *const statuses[] = {"pending", "generating", "completed",
                                           "failed",  "cancelled",  NULL};
    static const char *const kinds[] = {"studio", "chat", "video", "image", NULL};
    int status = -1, kind = -1;
    TRY(query_id(c, "user_id", &ret->user_id, err));
    TRY(query_id(c, "account_id", &ret->account_id, err));
    TRY(query_text(c, "model", MODEL_BYTES, &ret->model, err));
    TRY(query_word(c, "status", statuses, &status, err));
    TRY(query_word(c, "kind", kinds, &kind, err));
    TRY(query_time(c, "since", &ret->since, err));
    TRY(query_time(c, "until", &ret->until, err));
    ret->status = status >= 0 ? str_of(statuses[status]) : STR_NONE;
    ret->kind = kind >= 0 ? str_of(kinds[kind]) : STR_NONE;
    return OK;
}

static void view_failure(struct call *c, struct json_out *j, const struct job_entry *e)
{
    bool failed = e->status == GENERATION_FAILED;
    const char *class = failure_class_name(e->failure.class);
    json_kv_str_or_null(j, "error_class", failed && class[0] ? str_of(class) : STR_NONE);
    json_kv_str_or_null(j, "error_message",
                        failed ? message_of_failure(&e->failure, c->language, c->arena) : STR_NONE);
}

static void view_entry(struct call *c, struct json_out *j, const struct job_entry *e)
{
    json_object(j);
    json_kv_int(j, "id", e->id);
    json_kv_str(j, "public_id", e->public_id);
    json_kv_z(j, "kind", job_kind_name(e->kind));
    json_kv_str(j, "model", e->model);
    json_kv_z(j, "status", generation_status_name(e->status));
    json_kv_int(j, "progress", e->status == GENERATION_COMPLETED ? 100 : e->progress);
    json_kv_int(j, "user_id", e->user_id);
    json_kv_str_or_null(j, "user_email", e->user_email);
    if (e->account_id)
        json_kv_int(j, "account_id", e->account_id);
    else
        json_kv_null(j, "account_id");
    json_kv_str_or_null(j, "account_name", e->account_name);
    view_failure(c, j, e);
    json_kv_time(j, "created_at", e->created_at);
    json_kv_time(j, "submitted_at", e->submitted_at);
    json_kv_time(j, "ended_at", e->ended_at);
    json_object_end(j);
}

enum status admin_jobs_list(struct call *c, struct err *err)
{
    struct job_filter filter = {0};
    struct job_entry *entries;
    struct page page;
    size_t count;
    int64_t total;
    TRY(call_page(c, &page, err));
    TRY(read_filter(c, &filter, err));
    TRY(job_history_list(c->db, &filter, page.size, page.offset, c->arena, &entries, &count, &total,
                         err));
    struct json_out *j = call_list_begin(c);
    for (size_t i = 0; i < count; i++)
        view_entry(c, j, &entries[i]);
    call_list_end(c, &page, total);
    return OK;
}
