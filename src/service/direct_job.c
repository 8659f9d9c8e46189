/* SPDX-License-Identifier: Apache-2.0 */
#include "service/direct_job.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "media/links.h"
#include "net/url.h"
#include "platform/media_probe.h"
#include "service/library.h"
#include "service/models.h"
#include "service/quota.h"
#include "service/relay_link.h"
#include "store/idempotency.h"
#include "store/jobs.h"
#include "store/objects.h"

enum {
    QUEUE_RETRY_MS = 5000,
    NO_ACCOUNT_RETRY_MS = 30000,
    REMOVE_ARENA = 4 << 20,
    ADDRESS_MAX = 8 << 10,
};

/* ---- the input images ---- */

/* Of one order: what has been put into the store for it, and how much. */
struct inputs {
    struct worker *w;
    const struct direct_order *order;
    const char *field; /* of the image at hand */
    struct arena *a;
    struct object objects[DIALECT_MAX_IMAGES + 1];
    size_t count, bytes;
};

/* "data:image/png;base64,…" */
static enum status decode_image(const struct inputs *in, struct str data, struct buf *ret,
                                struct err *err)
{
    struct str head = str_cut(&data, ',');
    if (!str_ends(head, STR(";base64")) || data.n == 0)
        return err_field(err, "invalid_field", in->field, "%s must be a base64 data URL.",
                         in->field);
    if (data.n / 4 > DIRECT_IMAGE_MAX / 3)
        return err_say(err, E_TOO_LARGE, "image_too_large", "The image may be 20 MiB at most.");
    if (!base64_decode(ret, data))
        return err_field(err, "invalid_field", in->field, "%s is not valid base64.", in->field);
    return OK;
}

/* Its type is read from the bytes, whatever it is said to be. */
static enum status put_image(struct inputs *in, struct str bytes, struct job_input *ret,
                             struct err *err)
{
    const char *type = media_type_sniff(bytes);
    struct object *object = &in->objects[in->count];
    if (bytes.n > DIRECT_IMAGE_MAX)
        return err_say(err, E_TOO_LARGE, "image_too_large", "The image may be 20 MiB at most.");
    if (!media_type_is_picture(type))
        return err_field(err, "invalid_field", in->field, "%s is no picture.", in->field);
    in->bytes += bytes.n;
    if (in->bytes > DIRECT_IMAGES_MAX)
        return err_say(err, E_TOO_LARGE, "image_too_large",
                       "The images of a call may be 64 MiB in all.");
    TRY(library_put_input(in->w, in->order->spec.user_id, bytes, type, in->a, object, err));
    in->count++;
    ret->object_id = object->id;
    return OK;
}

/* It goes on as it is, into whatever words the account's dialect has. */
static enum status check_address(const struct inputs *in, struct str address, struct err *err)
{
    struct url url;
    if (address.n <= ADDRESS_MAX && url_parse(address, in->a, &url, err) == OK)
        return OK;
    return err_field(err, "invalid_field", in->field, "%s is no good http(s) address.", in->field);
}

static enum status keep_image(struct inputs *in, const struct direct_image *image,
                              struct job_input *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf decoded = BUF_INIT(DIRECT_IMAGE_MAX + 4);
    struct str said = image->said;
    *ret = (struct job_input){.url = STR_NONE};
    if (str_starts(said, STR("http://")) || str_starts(said, STR("https://"))) {
        ret->url = said;
        return check_address(in, said, err);
    }
    if (said.n && !str_starts(said, STR("data:")))
        return err_field(err, "invalid_field", in->field,
                         "%s must be an http(s) address or a base64 data URL.", in->field);
    if (said.n) {
        TRY(decode_image(in, said, &decoded, err));
        return put_image(in, buf_str(&decoded), ret, err);
    }
    return image->bytes.p ? put_image(in, image->bytes, ret, err) : OK;
}

static enum status keep_images(struct inputs *in, struct job_spec *spec, struct err *err)
{
    const struct direct_order *o = in->order;
    in->field = o->image_field;
    for (size_t i = 0; i < o->image_count; i++) {
        TRY(keep_image(in, &o->images[i], &spec->images[i], err));
        spec->image_count++;
    }
    in->field = "mask";
    return keep_image(in, &o->mask, &spec->mask, err);
}

static void discard_images(struct inputs *in)
{
    for (size_t i = 0; i < in->count; i++)
        library_discard(in->w, &(struct library_take){.files = {in->objects[i]}, .count = 1});
}

/* ---- making it ---- */

enum status direct_job_describe(struct worker *w, const struct relay_caller *c, struct str model,
                                struct arena *a, struct job_spec *ret, struct err *err)
{
    struct model *models;
    size_t n;
    *ret = (struct job_spec){.user_id = c->key.user_id,
                             .api_key_id = c->key.key_id,
                             .group_id = c->key.group_id,
                             .ungrouped = c->ungrouped,
                             .hop = c->hop,
                             .model = model,
                             .count = 1};
    TRY(models_list(w->app, c->key.group_id, c->ungrouped, true, a, &models, &n, err));
    const struct model *known = models_find(models, n, model);
    struct model named;
    if (!known)
        TRY(models_describe(model, a, &named, err));
    known = known ? known : &named;
    ret->media_type = known->media_type;
    ret->orientation = known->orientation;
    ret->size = known->size;
    ret->seconds = known->seconds_count == 1 ? known->seconds[0] : 0;
    return OK;
}

void direct_job_wish(struct job_spec *spec, int64_t seconds, struct str size,
                     struct str orientation)
{
    if (seconds)
        spec->seconds = seconds;
    spec->size_said = size.n > 0;
    if (size.n) {
        spec->size = size;
    } else if (orientation.n && !str_eq(orientation, spec->orientation)) {
        spec->orientation = orientation;
        spec->size = STR_NONE;
    }
}

static struct idempotency key_of(const struct job_spec *spec, const struct request_key *once,
                                 struct arena *a)
{
    return (struct idempotency){.scope = arena_printf(a, "key:%lld", (long long)spec->api_key_id),
                                .key = once->key,
                                .request_hash = once->hash};
}

/* No upstream has taken any of it, and nobody's words were at fault. */
static bool was_never_taken(const struct job *j)
{
    return j->state == JOB_ENDED && !j->upstream_id.n &&
           (j->failure.class == FAILURE_ACCOUNT ||
            str_eq(j->failure.code, STR("no_free_account")) ||
            str_eq(j->failure.code, STR("no_account")) ||
            str_eq(j->failure.code, STR("rate_limited")) ||
            str_eq(j->failure.code, STR("upstream_unreachable")));
}

/* The same key and words: whatever has become of it.  *ret_joined false: the caller was told
 * to come again, and it is to be made anew. */
static enum status join(struct db_conn *db, const struct idempotency *row, struct str hash,
                        struct arena *a, struct job *ret, bool *ret_joined, struct err *err)
{
    if (!str_eq(row->request_hash, hash))
        return err_set(err, E_UNPROCESSABLE, "idempotency_mismatch");
    /* Rows of chat answers stay for an hour, the key for a day. */
    enum status status = job_load(db, row->job_id, a, ret, err);
    *ret_joined = status == OK && !was_never_taken(ret);
    return status == E_NOT_FOUND ? err_set(err, E_GONE, "result_gone") : status;
}

/* Of equal calls that find it so, one makes it anew. */
static enum status join_locked(struct db_conn *tx, struct idempotency *row, struct str hash,
                               struct arena *a, struct job *ret, bool *ret_joined, struct err *err)
{
    bool found;
    TRY(join(tx, row, hash, a, ret, ret_joined, err));
    if (*ret_joined)
        return OK;
    TRY(quota_lock_user(tx, ret->user_id, err));
    TRY(idempotency_find(tx, row, a, &found, err));
    return found ? join(tx, row, hash, a, ret, ret_joined, err)
                 : err_set(err, E_UNAVAILABLE, "overloaded");
}

/* The same without the lock. */
static enum status find_joined(struct db_conn *db, const struct direct_order *o, struct arena *a,
                               bool *ret_joined, struct job *ret, struct err *err)
{
    struct idempotency row = key_of(&o->spec, &o->once, a);
    bool found;
    *ret_joined = false;
    if (!o->once.key.n)
        return OK;
    TRY(idempotency_find(db, &row, a, &found, err));
    return found ? join(db, &row, o->once.hash, a, ret, ret_joined, err) : OK;
}

static enum status refuse_full(struct err *err)
{
    err_set(err, E_LIMIT, "queue_full");
    err->retry_after_ms = QUEUE_RETRY_MS;
    return E_LIMIT;
}

static enum status check_places(struct db_conn *db, int64_t user_id, struct err *err)
{
    int64_t of_user, all;
    TRY(job_count_direct(db, user_id, &of_user, &all, err));
    return of_user < DIRECT_JOBS_OF_USER && all < DIRECT_JOBS_IN_ALL ? OK : refuse_full(err);
}

/* What is kept grows where jobs end: to look at it under the lock would hold all others up, and
 * keep none of it away. */
static enum status check_room(struct db_conn *db, int64_t user_id, struct err *err)
{
    int64_t kept;
    TRY(check_places(db, user_id, err));
    TRY(object_sum_kept(db, &kept, err));
    return kept < DIRECT_KEPT_IN_ALL ? OK : refuse_full(err);
}

static enum status add(struct db_conn *tx, const struct job_spec *spec, const struct inputs *in,
                       struct job *ret, struct err *err)
{
    TRY(quota_lock_user(tx, spec->user_id, err));
    TRY(check_places(tx, spec->user_id, err));
    for (size_t i = 0; i < in->count; i++)
        TRY(quota_settle(tx, &in->objects[i], err));
    return jobs_add(tx, spec, in->a, ret, err);
}

/* One transaction; *ret_joined: the job was there already. */
static enum status commit(const struct inputs *in, const struct job_spec *spec, struct job *ret,
                          bool *ret_joined, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = in->w->db;
    const struct request_key *once = &in->order->once;
    struct arena *a = in->a;
    struct idempotency row = key_of(spec, once, a);
    bool first = true;
    TRY(db_begin(tx, err));
    if (once->key.n)
        TRY(idempotency_claim(tx, &row, a, clock_wall_ms(), &first, err));
    *ret_joined = false;
    if (!first)
        TRY(join_locked(tx, &row, once->hash, a, ret, ret_joined, err));
    if (!*ret_joined) {
        TRY(add(tx, spec, in, ret, err));
        row.job_id = ret->id;
        if (once->key.n)
            TRY(idempotency_fill(tx, &row, err));
    }
    return db_commit(tx, err);
}

enum status direct_job_make(struct worker *w, const struct direct_order *o, struct arena *a,
                            struct job *ret, struct err *err)
{
    struct job_spec spec = o->spec;
    struct inputs in = {.w = w, .order = o, .a = a};
    bool joined = false;
    /* Once without the lock, so that neither a refusal nor a repetition costs a file.  The key
     * is looked for afterwards: the equal call may be what has taken the last place. */
    enum status allowed = check_room(w->db, spec.user_id, err);
    struct err refusal = *err;
    TRY(find_joined(w->db, o, a, &joined, ret, err));
    if (joined)
        return OK;
    *err = refusal;
    TRY(allowed);
    enum status status = keep_images(&in, &spec, err);
    bool kept = status == OK;
    if (kept)
        status = commit(&in, &spec, ret, &joined, err);
    /* E_IO of the commit: it may have been kept; else the files' leases end by themselves. */
    if (joined || (status != OK && !(kept && status == E_IO)))
        discard_images(&in);
    TRY(status);
    jobs_wake(w->app->jobs);
    return OK;
}

/* ---- one that is there ---- */

enum status direct_job_find(struct db_conn *db, int64_t user_id, enum job_kind kind,
                            struct str public_id, struct arena *a, struct job *ret, struct err *err)
{
    enum status status = job_load_public(db, public_id, a, ret, err);
    if (status == E_NOT_FOUND || (status == OK && (ret->user_id != user_id || ret->kind != kind)))
        return err_set(err, E_NOT_FOUND, "video_not_found");
    return status;
}

enum status direct_job_remove(struct worker *w, int64_t user_id, enum job_kind kind,
                              struct str public_id, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(REMOVE_ARENA);
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct job job;
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, user_id, err));
    TRY(direct_job_find(tx, user_id, kind, public_id, a, &job, err));
    enum status status = jobs_cancel(tx, job.id, err);
    if (status != OK && status != E_CONFLICT)
        return status;
    TRY(job_remove(tx, job.id, clock_wall_ms(), err));
    return db_commit(tx, err);
}

void direct_job_delivered(struct worker *w, const struct job *job)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct err err;
    enum status status = db_begin(tx, &err);
    if (status == OK)
        status = job_drop_results(tx, job->id, clock_wall_ms(), &err);
    if (status == OK)
        status = db_commit(tx, &err);
    if (status != OK)
        log_warn("delivered results stay for a while", LOG_I("job", job->id),
                 LOG_Z("why", err.detail));
}

struct str direct_job_link(struct worker *w, struct arena *a, struct str origin,
                           const struct job *job, const struct job_media *m, size_t place)
{
    int64_t now = clock_wall_ms();
    struct relay_link link = {
        .account_id = job->account_id, .job_id = job->id, .place = (int64_t)place};
    if (m->object_id)
        return link_make(w->app->keys, a, origin, "object", m->object_id, now,
                         m->type == MEDIA_IMAGE ? STR("image") : STR("video"));
    if (!m->needs_credential)
        return arena_str(a, m->url);
    link.target = relay_link_target(a, m->url);
    return relay_link_sign(w->app->keys, a, origin, &link, now);
}

/* ---- what it says when it has failed ---- */

/* What no dialect could say: the caller's to change, and nobody was asked. */
static bool is_not_said(struct str code)
{
    static const char *const codes[] = {
        "not_in_dialect",      "makes_videos_only", "makes_images_only",       "makes_one_video",
        "makes_fewer_images",  "takes_no_image",    "takes_no_remix",          "needs_image",
        "seconds_not_offered", "size_not_offered",  "orientation_not_offered", "no_model_path",
        "takes_one_image",     "takes_no_mask",
    };
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (str_eq(code, str_of(codes[i])))
            return true;
    }
    return false;
}

static enum status status_of(const struct failure *f)
{
    static const enum status statuses[] = {
        [FAILURE_NONE] = E_UNAVAILABLE, /* its user is gone */
        [FAILURE_UPSTREAM] = E_UPSTREAM, [FAILURE_CONTENT_POLICY] = E_INVALID,
        [FAILURE_TIMEOUT] = E_TIMEOUT,   [FAILURE_QUOTA] = E_UPSTREAM,
        [FAILURE_ACCOUNT] = E_UPSTREAM,  [FAILURE_SUBMISSION_UNKNOWN] = E_UPSTREAM,
        [FAILURE_INTERNAL] = E_INTERNAL,
    };
    static const struct {
        const char *code;
        enum status status;
    } exact[] = {
        {"request_refused", E_INVALID},      {"too_large", E_TOO_LARGE},
        {"no_free_account", E_LIMIT},        {"rate_limited", E_LIMIT},
        {"model_not_served", E_UNAVAILABLE}, {"no_account", E_UNAVAILABLE},
    };
    if (is_not_said(f->code))
        return E_INVALID;
    for (size_t i = 0; i < ARRAY_SIZE(exact); i++) {
        if (str_eq(f->code, str_of(exact[i].code)))
            return exact[i].status;
    }
    return statuses[f->class];
}

/* The row says when, if that was known. */
static int64_t retry_after(enum status status, int64_t next_at)
{
    int64_t known = next_at - clock_wall_ms();
    if (status != E_LIMIT && status != E_UNAVAILABLE)
        return 0;
    if (known > 0)
        return known;
    return status == E_LIMIT ? QUEUE_RETRY_MS : NO_ACCOUNT_RETRY_MS;
}

void direct_job_error(const struct failure *f, int64_t next_at, struct err *ret)
{
    enum status status = status_of(f);
    char code[ERR_CODE_MAX];
    if (f->class == FAILURE_NONE)
        snprintf(code, sizeof(code), "cancelled");
    else if (f->code.n)
        snprintf(code, sizeof(code), "%.*s", STR_ARG(f->code));
    else
        snprintf(code, sizeof(code), "%s", failure_class_code(f->class));
    if (f->words.n)
        err_say(ret, status, code, "%.*s", STR_ARG(f->words));
    else
        err_set(ret, status, code);
    ret->text_follows = is_not_said(f->code);
    ret->retry_after_ms = retry_after(status, next_at);
}
