/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: the request becomes a job row, and the row becomes what the loop has
 * to say.  All of the body's memory is given back before the worker turns to the next. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "platform/media_probe.h"
#include "service/chat_answer_impl.h"
#include "service/events.h"
#include "service/library.h"
#include "service/models.h"
#include "service/quota.h"
#include "service/relay_link.h"
#include "service/request_key.h"
#include "store/idempotency.h"
#include "store/jobs.h"

enum {
    MAKE_ARENA = 6 * CHAT_BODY_MAX,
    IMAGE_MAX = 20 << 20,
    ROW_ARENA = 4 << 20,
    QUEUE_RETRY_MS = 5000
};
#define PENDING_MS (5 * CLOCK_MINUTE_MS)
#define TOTAL_MS   (30 * CLOCK_MINUTE_MS) /* GW-13 */

/* ---- the input image ---- */

/* "data:image/png;base64,…": the type is read from the bytes. */
static enum status decode_image(struct str url, struct arena *a, struct str *ret_bytes,
                                const char **ret_type, struct err *err)
{
    static const struct str kept = {"image/", 6};
    _cleanup_(buf_cleanup) struct buf bytes = BUF_INIT(IMAGE_MAX + 4);
    struct str data = url, head = str_cut(&data, ',');
    if (!str_ends(head, STR(";base64")) || data.n == 0)
        return err_field(err, "invalid_field", "image", "image must be a base64 data URL.");
    if (data.n / 4 > IMAGE_MAX / 3)
        return err_say(err, E_TOO_LARGE, "image_too_large", "The image may be 20 MiB at most.");
    if (!base64_decode(&bytes, data))
        return err_field(err, "invalid_field", "image", "image is not valid base64.");
    *ret_type = media_type_sniff(buf_str(&bytes));
    if (!*ret_type || !str_starts(str_of(*ret_type), kept))
        return err_field(err, "invalid_field", "image", "image is no picture.");
    *ret_bytes = arena_str(a, buf_str(&bytes));
    return ret_bytes->p ? OK : err_set(err, E_NO_MEMORY, "overloaded");
}

static enum status keep_image(struct worker *w, const struct chat_job *j, struct str image,
                              struct arena *a, struct job_spec *spec, struct object *ret,
                              struct err *err)
{
    struct str bytes;
    const char *type;
    if (image.n == 0)
        return OK;
    if (str_starts(image, STR("http://")) || str_starts(image, STR("https://"))) {
        spec->image_url = image;
        return OK;
    }
    if (!str_starts(image, STR("data:")))
        return err_field(err, "invalid_field", "image",
                         "image must be an http(s) address or a base64 data URL.");
    TRY(decode_image(image, a, &bytes, &type, err));
    TRY(library_put_input(w, j->caller->key.user_id, bytes, type, a, ret, err));
    spec->input_object_id = ret->id;
    return OK;
}

/* ---- making the job ---- */

/* What the model's name says of the work wanted. */
static enum status describe(struct worker *w, const struct chat_job *j,
                            const struct chat_request *r, struct arena *a, struct job_spec *spec,
                            struct err *err)
{
    const struct relay_caller *c = j->caller;
    struct model *models;
    size_t n;
    *spec = (struct job_spec){.kind = JOB_CHAT,
                              .user_id = c->key.user_id,
                              .api_key_id = c->key.key_id,
                              .group_id = c->key.group_id,
                              .ungrouped = c->ungrouped,
                              .model = r->model,
                              .prompt = r->prompt,
                              .remix_of = r->remix_of,
                              .count = r->count,
                              .pending_ms = PENDING_MS,
                              .total_ms = TOTAL_MS};
    TRY(models_list(w->app, c->key.group_id, c->ungrouped, true, a, &models, &n, err));
    const struct model *model = models_find(models, n, r->model);
    if (!model)
        return OK;
    spec->media_type = model->media_type;
    spec->orientation = model->orientation;
    spec->size = model->size;
    spec->seconds = model->seconds_count == 1 ? model->seconds[0] : 0;
    return OK;
}

/* GW-11: the same key and words join the same job. */
static enum status join(struct chat_job *j, struct db_conn *tx, const struct idempotency *row,
                        struct str hash, struct arena *a, struct err *err)
{
    struct job job;
    if (!str_eq(row->request_hash, hash))
        return err_set(err, E_UNPROCESSABLE, "idempotency_mismatch");
    /* Rows of chat answers stay for an hour, the key for a day. */
    enum status status = job_load(tx, row->job_id, a, &job, err);
    if (status == E_NOT_FOUND)
        return err_set(err, E_GONE, "result_gone");
    TRY(status);
    j->id = job.id;
    snprintf(j->public_id, sizeof(j->public_id), "%.*s", STR_ARG(job.public_id));
    return OK;
}

/* Each job is a row of up to a MiB that waits for minutes. */
static enum status check_room(struct db_conn *db, int64_t user_id, struct err *err)
{
    int64_t of_user, all;
    TRY(job_count_chats(db, user_id, &of_user, &all, err));
    if (of_user < CHAT_JOBS_OF_USER && all < CHAT_JOBS_IN_ALL)
        return OK;
    err_set(err, E_LIMIT, "queue_full");
    err->retry_after_ms = QUEUE_RETRY_MS;
    return E_LIMIT;
}

static enum status add(struct chat_job *j, struct db_conn *tx, const struct job_spec *spec,
                       const struct object *input, struct arena *a, struct err *err)
{
    struct job job;
    TRY(quota_lock_user(tx, spec->user_id, err));
    TRY(check_room(tx, spec->user_id, err));
    if (input->id)
        TRY(quota_settle(tx, input, err));
    TRY(jobs_add(tx, spec, a, &job, err));
    j->id = job.id;
    snprintf(j->public_id, sizeof(j->public_id), "%.*s", STR_ARG(job.public_id));
    return OK;
}

/* One transaction; *ret_joined: the job was there already. */
static enum status commit(struct chat_job *j, struct worker *w, const struct job_spec *spec,
                          const struct object *input, const struct request_key *key,
                          struct arena *a, bool *ret_joined, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct idempotency row = {
        .scope = arena_printf(a, "key:%lld", (long long)j->caller->key.key_id),
        .key = key->key,
        .request_hash = key->hash};
    bool first = true;
    TRY(db_begin(tx, err));
    if (key->key.n)
        TRY(idempotency_claim(tx, &row, a, clock_wall_ms(), &first, err));
    if (!first) {
        TRY(join(j, tx, &row, key->hash, a, err));
    } else {
        TRY(add(j, tx, spec, input, a, err));
        row.job_id = j->id;
        if (key->key.n)
            TRY(idempotency_fill(tx, &row, err));
    }
    *ret_joined = !first;
    return db_commit(tx, err);
}

static enum status make_in(struct chat_job *j, struct worker *w, struct arena *a, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct chat_request request;
    struct job_spec spec;
    struct object input = {0};
    struct request_key key;
    struct str body;
    bool joined = false;
    TRY(spool_load(j->body, CHAT_BODY_MAX, a, &body, err));
    TRY(request_key_read(j->idempotency_key, "POST", j->path, body, a, &key, err));
    TRY(json_parse(body, &doc, err));
    TRY(chat_request_read(json_root(doc), a, &request, err));
    TRY(describe(w, j, &request, a, &spec, err));
    /* An equal call may have taken the last place; otherwise a refusal costs no file. */
    if (!key.key.n)
        TRY(check_room(w->db, spec.user_id, err));
    TRY(keep_image(w, j, request.image, a, &spec, &input, err));
    enum status status = commit(j, w, &spec, &input, &key, a, &joined, err);
    if (input.id && (status != OK || joined))
        library_discard(w, &(struct library_take){.files = {input}, .count = 1});
    TRY(status);
    j->model = arena_str(j->arena, request.model);
    jobs_wake(w->app->jobs);
    return OK;
}

enum status chat_job_make(struct chat_job *j, struct worker *w, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MAKE_ARENA);
    enum status status = make_in(j, w, a, err);
    db_rollback(w->db);
    return status;
}

/* ---- looking at it ---- */

static enum status read_links(struct chat_job *j, struct worker *w, const struct job *job,
                              struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    TRY(json_parse(job->result, &doc, err));
    struct json list = json_get(json_root(doc), "media");
    j->link_count = 0;
    for (size_t i = 0; i < json_size(list) && j->link_count < CHAT_MEDIA_MAX; i++) {
        struct json item = json_at(list, i);
        struct str url = json_str_or(json_get(item, "url"), STR(""));
        struct str link = json_bool_or(json_get(item, "needs_credential"), false)
                              ? relay_link_for(w->app->keys, j->arena, j->origin, job->account_id,
                                               url, clock_wall_ms())
                              : arena_str(j->arena, url);
        if (!link.n)
            continue;
        media_type_parse(json_str_or(json_get(item, "type"), STR("video")),
                         &j->types[j->link_count]);
        j->links[j->link_count++] = link;
    }
    return OK;
}

enum status chat_job_look(struct chat_job *j, struct worker *w, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ROW_ARENA);
    struct job job;
    TRY(job_load(w->db, j->id, a, &job, err));
    j->progress = job.progress;
    if (job.state != JOB_ENDED)
        return OK;
    j->failure = (struct failure){.class = job.failure.class,
                                  .code = arena_str(j->arena, job.failure.code),
                                  .words = arena_str(j->arena, job.failure.words)};
    if (j->failure.class == FAILURE_NONE && job.result.n)
        TRY(read_links(j, w, &job, err));
    j->ended = true;
    return OK;
}

void chat_job_error(const struct chat_job *j, struct err *ret)
{
    static const enum status statuses[] = {
        [FAILURE_NONE] = E_UNAVAILABLE,
        [FAILURE_UPSTREAM] = E_UPSTREAM,
        [FAILURE_CONTENT_POLICY] = E_INVALID,
        [FAILURE_TIMEOUT] = E_TIMEOUT,
        [FAILURE_QUOTA] = E_UPSTREAM,
        [FAILURE_ACCOUNT] = E_UPSTREAM,
        [FAILURE_SUBMISSION_UNKNOWN] = E_UPSTREAM,
        [FAILURE_INTERNAL] = E_INTERNAL,
    };
    const struct failure *f = &j->failure;
    char code[ERR_CODE_MAX];
    if (f->class == FAILURE_NONE)
        snprintf(code, sizeof(code), "cancelled"); /* its user is gone */
    else if (f->code.n)
        snprintf(code, sizeof(code), "%.*s", STR_ARG(f->code));
    else
        snprintf(code, sizeof(code), "%s", failure_class_code(f->class));
    if (f->words.n)
        err_say(ret, statuses[f->class], code, "%.*s", STR_ARG(f->words));
    else
        err_set(ret, statuses[f->class], code);
}
