/* SPDX-License-Identifier: Apache-2.0 */
/* One file from an upstream's link into a store, as a stream: its room is reserved before its
 * bytes, and its row is there before its first one. */
#include "base/clock.h"
#include "base/hex.h"
#include "net/fetch.h"
#include "service/library_impl.h"
#include "service/quota.h"

enum {
    ROOM_BYTES = 8 << 20, /* taken at a time when the length is unknown */
    CONNECT_MS = 10000,
    STALL_MS = 60000,
    RENEW_MS = 30000,      /* of reservations while bytes flow */
    LEAST_RATE = 10 << 10, /* bytes a second over RENEW_MS: below it a fetch is given up */
    OBJECT_MAX = 32 << 20,
    MAX_HEADERS = 3,
};

/* ---- the ledger's side */

static enum status reserve(struct library_file *f, int64_t least, int64_t most, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = f->w->db;
    int64_t bytes;
    TRY(library_lock(f->w, f->g->user_id, err));
    TRY(quota_choose(f->w->app, tx, &f->object, least, most, &bytes, err));
    if (f->object.id)
        TRY(quota_extend(f->w->app, tx, &f->object, bytes, err));
    else
        TRY(quota_reserve(f->w->app, tx, &f->object, bytes, err));
    TRY(db_commit(tx, err));
    f->renewed_at = clock_mono_ms();
    library_rate_anew(f);
    return OK;
}

void library_rate_anew(struct library_file *f)
{
    f->rated_at = clock_mono_ms();
    f->rated_size = f->object.size;
    f->store_ms = 0;
}

/* A store that lets us wait says nothing of the upstream's speed. */
static enum status judge_rate(struct library_file *f)
{
    int64_t source_ms = clock_mono_ms() - f->rated_at - f->store_ms;
    if (source_ms <= RENEW_MS)
        return OK;
    if (f->object.size - f->rated_size < LEAST_RATE * source_ms / 1000)
        return err_say(f->err, E_TIMEOUT, "media_unavailable",
                       "The upstream's file came too slowly.");
    library_rate_anew(f);
    return OK;
}

static enum status keep(struct library_file *f, struct err *err)
{
    if (clock_mono_ms() - f->renewed_at < RENEW_MS)
        return OK;
    TRY(library_keep(f->w, f->g, f->source, err));
    f->renewed_at = clock_mono_ms();
    return OK;
}

/* A part may take a slow line longer than a lease lasts. */
static void keep_while_storing(void *file)
{
    struct err ignored; /* settling will say it */
    keep(file, &ignored);
}

static enum status keep_room(struct library_file *f, size_t more)
{
    if (f->object.size + (int64_t)more > f->object.reserved)
        return reserve(f, (int64_t)more, MAX((int64_t)ROOM_BYTES, (int64_t)more), f->err);
    TRY(judge_rate(f));
    return keep(f, f->err);
}

/* ---- the store's side */

static enum status blame_store(struct library_file *f, enum status status)
{
    f->store_failed = status != OK && !f->ledger_failed;
    return status;
}

static void open_s3(struct library_file *f)
{
    f->s3 = f->target->bucket.s3;
    f->s3.cancelled = f->source->cancelled;
    f->s3.while_waiting = keep_while_storing;
    f->s3.ctx = f;
    f->hooks = (struct s3_writer_hooks){library_upload_begun, library_upload_part, f};
}

static enum status open_store(struct library_file *f)
{
    if (f->target->type == STORAGE_LOCAL)
        return blame_store(f, local_create(f->w->app->local, f->object.key, &f->local, f->err));
    f->writer = s3_writer_new(&f->s3, f->object.key, f->object.type, f->length, &f->hooks, NULL);
    return OK;
}

static enum status write_bucket(struct library_file *f, struct str bytes)
{
    int64_t began = clock_mono_ms();
    enum status status = s3_writer_write(f->writer, bytes, f->err);
    f->store_ms += clock_mono_ms() - began;
    return blame_store(f, status);
}

static enum status write_store(struct library_file *f, struct str bytes)
{
    if (f->target->type == STORAGE_S3)
        return write_bucket(f, bytes);
    sha256_update(&f->hash, bytes);
    return blame_store(f, local_write(f->local, bytes, f->err));
}

static enum status finish_store(struct library_file *f, unsigned char digest[SHA256_SIZE])
{
    if (f->target->type == STORAGE_S3)
        return blame_store(f, s3_writer_finish(f->writer, digest, f->err));
    struct local_writer *local = f->local;
    f->local = NULL;
    sha256_final(&f->hash, digest);
    return blame_store(f, local_finish(local, f->err));
}

/* ---- the bytes */

static bool is_media(const char *type, enum media_type wanted)
{
    return wanted == MEDIA_VIDEO ? media_type_is_video(type) : media_type_is_picture(type);
}

static enum status begin_object(struct library_file *f)
{
    const char *type = media_look_type(&f->look);
    enum media_type wanted = f->source->media[f->place].type;
    if (!is_media(type, wanted))
        return err_say(f->err, E_UPSTREAM, "bad_media", "The upstream's link did not lead to %s.",
                       wanted == MEDIA_VIDEO ? "a video" : "an image");
    f->object.user_id = f->g->user_id;
    f->object.generation_id = f->g->id;
    f->object.counter = COUNTER_SORA;
    f->object.storage = f->target->type;
    f->object.store_id = f->target->store_id;
    f->object.key = library_key(f->target, f->arena, f->g->user_id, type);
    f->object.type = str_of(type);
    f->object.place = (int64_t)f->place;
    if (!f->object.key.p)
        return err_set(f->err, E_NO_MEMORY, "overloaded");
    if (f->length > 0)
        TRY(reserve(f, f->length, f->length, f->err));
    else
        TRY(reserve(f, (int64_t)f->look.head_n, ROOM_BYTES, f->err));
    return open_store(f);
}

static enum status take_bytes(struct library_file *f, struct str piece)
{
    TRY(keep_room(f, piece.n));
    TRY(write_store(f, piece));
    f->object.size += (int64_t)piece.n;
    return OK;
}

/* Held back until there is enough to know what it is. */
static enum status take_piece(struct library_file *f, struct str piece)
{
    size_t held = f->look.head_n;
    media_look_feed(&f->look, piece);
    if (f->object.id)
        return take_bytes(f, piece);
    if (!media_look_has_head(&f->look))
        return OK;
    TRY(begin_object(f));
    TRY(take_bytes(f, (struct str){f->look.head, f->look.head_n}));
    return take_bytes(f, str_from(piece, f->look.head_n - held));
}

/* What another writer has left either fits to this answer, or is dropped for good. */
static enum status settle_left(struct library_file *f, const struct http_head *head)
{
    if (head->status == 206 && library_resume_fits(f, head))
        return library_resume_begin(f, f->err);
    library_drop(f->w, &f->left);
    f->left.id = 0;
    return head->status == 206
               ? err_say(f->err, E_UPSTREAM, "media_unavailable",
                         "The upstream sent another part of the file than was asked for.")
               : OK;
}

static bool on_head(const struct http_head *head, void *ctx)
{
    struct library_file *f = ctx;
    f->answer_status = head->status;
    f->length = head->content_length;
    if (head->status / 100 != 2)
        return false;
    if (f->left.id)
        f->failed = settle_left(f, head);
    else if (f->target->type == STORAGE_S3)
        f->object.source = library_resume_source(head, f->arena);
    return f->failed == OK;
}

static bool on_body(struct str piece, void *ctx)
{
    struct library_file *f = ctx;
    f->failed = take_piece(f, piece);
    return f->failed == OK;
}

/* A link that is silent keeps no part from being noted. */
static void on_wait(void *ctx)
{
    struct library_file *f = ctx;
    if (f->writer)
        s3_writer_tend(f->writer);
}

static enum status finish_file(struct library_file *f)
{
    unsigned char digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    if (!f->object.id && f->look.head_n) {
        TRY(begin_object(f));
        TRY(take_bytes(f, (struct str){f->look.head, f->look.head_n}));
    }
    if (!f->object.id || (f->length >= 0 && f->object.size != f->length))
        return err_say(f->err, E_UPSTREAM, "media_unavailable",
                       "The upstream's file ended before it was complete.");
    TRY(finish_store(f, digest));
    hex_encode(digest, sizeof(digest), hex);
    f->object.checksum = arena_str(f->arena, str_of(hex));
    return f->object.checksum.p ? OK : err_set(f->err, E_NO_MEMORY, "overloaded");
}

/* ---- asking the link */

static enum status refused_link(const struct library_file *f, struct err *err)
{
    switch (f->answer_status) {
    case 401:
    case 403:
    case 404:
    case 410:
        return err_set(err, E_GONE, "link_expired");
    default:
        return err_say(err, E_UPSTREAM, "media_unavailable",
                       "The upstream answered %d when asked for the file.", f->answer_status);
    }
}

static void note_refused_token(const struct library_file *f)
{
    bool secret = f->source->media[f->place].needs_credential;
    if (f->answer_status == 401 && secret && f->source->ret_token_refused)
        *f->source->ret_token_refused = true;
}

static size_t write_headers(const struct library_file *f, struct http_header out[MAX_HEADERS])
{
    const struct pool_account *account = f->source->account;
    size_t n = 0;
    if (account && f->source->media[f->place].needs_credential)
        out[n++] = (struct http_header){
            STR("Authorization"),
            arena_printf(f->arena, "Bearer %.*s", STR_ARG(account->target.credential))};
    if (f->left.id) {
        out[n++] = (struct http_header){
            STR("Range"),
            arena_printf(f->arena, "bytes=%lld-", (long long)library_resume_offset(f))};
        out[n++] = (struct http_header){STR("If-Range"), library_resume_validator(f)};
    }
    return n;
}

struct question {
    const struct settings *settings; /* held: the guard points into them */
    struct http_header headers[MAX_HEADERS];
    struct fetch_request request;
};

static void question_end(struct question *q)
{
    settings_drop(q->settings);
}

static void question_build(struct question *q, struct library_file *f)
{
    const struct pool_account *account = f->source->account;
    q->settings = settings_hold(f->w->app);
    q->request = (struct fetch_request){
        .url = f->source->media[f->place].url,
        .headers = q->headers,
        .header_count = write_headers(f, q->headers),
        .guard = {GUARD_PUBLIC, q->settings->allowed_private_networks,
                  q->settings->allowed_private_network_count},
        .follow_redirects = true,
        .connect_timeout_ms = CONNECT_MS,
        .stall_timeout_ms = STALL_MS,
        .on_body = on_body,
        .on_head = on_head,
        .on_wait = on_wait,
        .ctx = f,
        .cancelled = f->source->cancelled,
    };
    if (!account)
        return;
    q->request.trusted_origin = &account->target.base;
    q->request.ca_pem = account->ca_pem;
    q->request.http2 = account->http2;
    q->request.proxy_url = account->proxy_url;
}

/* What came as bytes is a free object already. */
static enum status copy_object(struct library_file *f)
{
    struct object from;
    struct str bytes;
    enum status status = library_read_object(f->w, f->source->media[f->place].object_id, OBJECT_MAX,
                                             f->arena, &from, &bytes, f->err);
    if (status != OK)
        return status == E_NOT_FOUND ? err_set(f->err, E_GONE, "link_expired") : status;
    f->length = (int64_t)bytes.n;
    TRY(take_piece(f, bytes));
    return finish_file(f);
}

static enum status fetch_file(struct library_file *f)
{
    _cleanup_(question_end) struct question ask;
    struct fetch_answer answer;
    struct err err = {0};

    question_build(&ask, f);
    enum status status = fetch_run(f->w->fetcher, &ask.request, f->arena, &answer, &err);
    if (f->failed != OK)
        return f->failed; /* the sink's own reason, in f->err */
    note_refused_token(f);
    if (f->answer_status && f->answer_status / 100 != 2)
        return refused_link(f, f->err);
    if (status != OK) {
        *f->err = err;
        return status;
    }
    return finish_file(f);
}

enum status library_file_take(struct library_file *f, struct err *err)
{
    struct err sink_err = {0};
    f->err = &sink_err;
    sha256_init(&f->hash);
    f->length = -1;
    enum status status = library_resume_find(f, &sink_err);
    if (f->target->type == STORAGE_S3)
        open_s3(f);
    if (status == OK)
        status = f->source->media[f->place].object_id ? copy_object(f) : fetch_file(f);
    if (f->writer && f->failed == OK && status != OK)
        s3_writer_settle(f->writer); /* the link broke: the next try goes on behind this part */
    local_abandon(f->local);
    s3_writer_free(f->writer);
    if (status != OK && err)
        *err = sink_err;
    return status;
}

enum status library_fetch_bytes(struct worker *w, const struct library_source *source, size_t place,
                                size_t max, struct arena *a, struct str *ret, struct err *err)
{
    _cleanup_(question_end) struct question ask;
    struct library_file f = {.w = w, .source = source, .place = place, .arena = a};
    struct fetch_answer answer;
    question_build(&ask, &f);
    ask.request.on_body = NULL;
    ask.request.on_head = NULL;
    ask.request.max_body = max;
    TRY(fetch_run(w->fetcher, &ask.request, a, &answer, err));
    f.answer_status = answer.status;
    *ret = answer.body;
    note_refused_token(&f);
    return answer.status / 100 == 2 ? OK : refused_link(&f, err);
}

static bool see_status(const struct http_head *head, void *ctx)
{
    struct library_file *f = ctx;
    f->answer_status = head->status;
    return false;
}

enum status library_try_link(struct worker *w, const struct library_source *source, size_t place,
                             int timeout_ms, struct arena *a, struct err *err)
{
    _cleanup_(question_end) struct question ask;
    struct library_file f = {.w = w, .source = source, .place = place, .arena = a};
    struct fetch_answer answer;
    question_build(&ask, &f);
    ask.headers[ask.request.header_count++] = (struct http_header)HTTP_HEADER("Range", "bytes=0-0");
    ask.request.on_body = NULL;
    ask.request.on_head = see_status;
    ask.request.connect_timeout_ms = ask.request.total_timeout_ms = timeout_ms;
    enum status status = fetch_run(w->fetcher, &ask.request, a, &answer, err);
    if (!f.answer_status)
        return status;
    note_refused_token(&f);
    /* A file without a first byte is there all the same. */
    return f.answer_status / 100 == 2 || f.answer_status == 416 ? OK : refused_link(&f, err);
}
