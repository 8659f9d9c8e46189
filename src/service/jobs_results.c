/* SPDX-License-Identifier: Apache-2.0 */
/* Media that come as bytes, and images whose bytes are asked for: kept as free objects of the
 * job's until its row goes, so that whoever asked, or asks again under the same
 * Idempotency-Key, gets them, whatever dies in between.  A user's newest are kept, so many bytes
 * of them at most: no quota counts them. */
#include "base/clock.h"
#include "base/hex.h"
#include "platform/json_in.h"
#include "platform/media_probe.h"
#include "pool/tokens.h"
#include "service/jobs_impl.h"
#include "service/library.h"
#include "service/quota.h"
#include "store/objects.h"

enum { RESULT_MAX = 32 << 20, LONGEST_PAUSE = 6 /* 16 s */ };
/* Longer than any job's row stays. */
#define KEPT_MS      (26 * CLOCK_HOUR_MS)
#define KEPT_OF_USER (INT64_C(2) << 30)

bool step_has_results(const struct step *s)
{
    for (size_t i = 0; i < DIALECT_MAX_MEDIA; i++) {
        if (s->results[i].id)
            return true;
    }
    return false;
}

/* The same again in a later try of the same save is harmless: it rolls back as one. */
enum status step_settle_results(struct step *s, struct db_conn *tx)
{
    int64_t now = clock_wall_ms();
    if (s->job.state != JOB_STORING && s->job.state != JOB_ENDED)
        return OK;
    for (size_t i = 0; i < DIALECT_MAX_MEDIA; i++) {
        const struct object *o = &s->results[i];
        if (!o->id)
            continue;
        TRY(quota_settle(tx, o, &s->err));
        TRY(job_add_result(tx, s->job.id, o->id, now + KEPT_MS, &s->err));
    }
    return step_has_results(s) ? object_trim_kept(tx, s->job.user_id, KEPT_OF_USER, now, &s->err)
                               : OK;
}

static enum status put(struct step *s, struct str bytes, struct object *ret)
{
    const char *type = media_type_sniff(bytes);
    if (!media_type_is_picture(type))
        return err_set(&s->err, E_UPSTREAM, "bad_media");
    return library_put_result(s->w, s->job.user_id, bytes, type, s->arena, ret, &s->err);
}

static enum status put_base64(struct step *s, struct str text, struct object *ret)
{
    _cleanup_(buf_cleanup) struct buf bytes = BUF_INIT(RESULT_MAX);
    if (!base64_decode(&bytes, text))
        return err_set(&s->err, E_UPSTREAM, "bad_media");
    return put(s, buf_str(&bytes), ret);
}

static void drop_results(struct step *s)
{
    struct library_take take = {.count = 0};
    for (size_t i = 0; i < DIALECT_MAX_MEDIA; i++) {
        if (s->results[i].id)
            take.files[take.count++] = s->results[i];
        s->results[i] = (struct object){0};
    }
    library_discard(s->w, &take);
}

enum status step_keep_results(struct step *s, const struct dialect_outcome *outcome,
                              struct job_media *media)
{
    for (size_t i = 0; i < outcome->media_count; i++) {
        const struct dialect_media *from = &outcome->media[i];
        media[i] = (struct job_media){
            .url = from->url, .needs_credential = from->needs_credential, .type = from->type};
        if (!from->bytes_base64.n)
            continue;
        enum status status = put_base64(s, from->bytes_base64, &s->results[i]);
        if (status != OK) {
            drop_results(s);
            return status;
        }
        media[i].object_id = s->results[i].id;
    }
    return OK;
}

/* ---- fetching what is asked for as bytes */

static bool wants_bytes(const struct step *s)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    return json_parse(s->job.request, &doc, &ignored) == OK &&
           json_bool_or(json_get(json_root(doc), "as_base64"), false);
}

bool step_must_fetch(const struct step *s, const struct job_media *media, size_t n)
{
    if (s->job.kind != JOB_IMAGE)
        return s->job.kind == JOB_STUDIO;
    for (size_t i = 0; i < n; i++) {
        if (!media[i].object_id)
            return wants_bytes(s);
    }
    return false;
}

/* AC-3: a token that is not good any more says nothing of the link. */
static enum status fetch_one(struct step *s, struct pool_ref *account,
                             const struct job_media *media, struct str *ret)
{
    bool refused = false;
    struct library_source source = {.media = media,
                                    .count = 1,
                                    .account = account->account,
                                    .cancelled = &s->hold->cancelled,
                                    .ret_token_refused = &refused};
    enum status status = library_fetch_bytes(s->w, &source, 0, RESULT_MAX, s->arena, ret, &s->err);
    if (!refused || !tokens_hold_another(s->app->tokens, account))
        return status;
    source.account = account->account;
    return library_fetch_bytes(s->w, &source, 0, RESULT_MAX, s->arena, ret, &s->err);
}

static enum status fetch_all(struct step *s, struct job_media *media, size_t n)
{
    struct pool_ref account = {0};
    enum status status = OK;
    tokens_hold(s->app->tokens, s->job.account_id, &account);
    for (size_t i = 0; i < n && status == OK; i++) {
        struct str bytes;
        if (media[i].object_id)
            continue;
        status = fetch_one(s, &account, &media[i], &bytes);
        if (status == OK)
            status = put(s, bytes, &s->results[i]);
        if (status == OK)
            media[i] = (struct job_media){.object_id = s->results[i].id, .type = media[i].type};
    }
    pool_drop(&account);
    return status;
}

/* What time may mend; a file that is none of what was asked for stays so. */
static bool may_pass(enum status why, struct str code)
{
    return why == E_UNAVAILABLE || why == E_TIMEOUT || why == E_IO || why == E_NO_SPACE ||
           (why == E_UPSTREAM && !str_eq(code, STR("bad_media")));
}

/* The image has been paid for: its link is asked again as long as the job may last. */
static enum status not_fetched(struct step *s, enum status why)
{
    drop_results(s);
    if (why == E_GONE)
        return step_renew_links(s);
    bool passing = may_pass(why, str_of(s->err.code));
    s->job.attempts++;
    s->job.next_at = clock_wall_ms() + (250LL << MIN(s->job.attempts, LONGEST_PAUSE));
    if (passing ? s->job.next_at >= s->job.deadline_at : s->job.attempts >= JOBS_STORE_TRIES)
        return step_fail_as(s, FAILURE_UPSTREAM, "media_unavailable");
    return step_save(s, JOB_STORING, false);
}

enum status step_fetching(struct step *s)
{
    struct job_media media[DIALECT_MAX_MEDIA];
    size_t n;
    TRY(jobs_read_media(s->job.result, s->arena, media, ARRAY_SIZE(media), &n, &s->err));
    enum status status = fetch_all(s, media, n);
    if (status != OK)
        return step_is_cut(s) ? OK : not_fetched(s, status);
    s->job.result = jobs_write_media(media, n, s->arena);
    s->job.state = JOB_ENDED;
    s->job.progress = 100;
    s->job.ended_at = clock_wall_ms();
    return step_save(s, JOB_STORING, false);
}
