/* SPDX-License-Identifier: Apache-2.0 */
#include "service/storage.h"

#include <pthread.h>

#include "base/clock.h"
#include "media/links.h"

enum { BUCKET_ARENA = 16 << 10, CHECK_MS = 8000 };

#define HEALTHY_MS CLOCK_MINUTE_MS
/* Links made within so long are the same. */
#define STEADY_MS (10 * CLOCK_MINUTE_MS)

struct storage {
    atomic_llong skew_ms;
    pthread_mutex_t lock; /* of the rest */
    uint64_t good_stamp;
    int64_t good_at; /* mono ms; 0: never */
};

struct storage *storage_new(void)
{
    struct storage *s = mem_zalloc(sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void storage_free(struct storage *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool storage_is_complete(const struct settings *s)
{
    return s->sora_s3_endpoint.n && s->sora_s3_bucket.n && s->sora_s3_access_key_id.n &&
           s->sora_s3_secret_access_key.n;
}

bool storage_is_wanted(const struct settings *s)
{
    return s->sora_s3_enabled && storage_is_complete(s);
}

uint64_t storage_stamp(const struct settings *s)
{
    const struct str texts[] = {s->sora_s3_endpoint, s->sora_s3_region,
                                s->sora_s3_bucket,   s->sora_s3_access_key_id,
                                s->sora_s3_ca_pem,   s->sora_s3_secret_access_key};
    uint64_t stamp = s->sora_s3_force_path_style ? 2 : 1;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        stamp = stamp * 1099511628211u ^ str_hash(texts[i]);
    return stamp;
}

static enum status fill(struct app *app, struct fetcher *fetcher, struct storage_bucket *b,
                        struct err *err)
{
    const struct settings *s = b->settings;
    if (!storage_is_complete(s))
        return err_set(err, E_UNAVAILABLE, "storage_not_configured");
    TRY(url_parse(s->sora_s3_endpoint, b->arena, &b->s3.endpoint, err));
    b->stamp = storage_stamp(s);
    b->s3.key = (struct sigv4_key){s->sora_s3_access_key_id, s->sora_s3_secret_access_key,
                                   s->sora_s3_region};
    b->s3.bucket = s->sora_s3_bucket;
    b->s3.ca_pem = s->sora_s3_ca_pem;
    b->s3.path_style = s->sora_s3_force_path_style;
    b->s3.guard = (struct guard){GUARD_ADMIN, s->allowed_private_networks,
                                 s->allowed_private_network_count};
    b->s3.fetcher = fetcher;
    b->s3.skew_ms = &app->storage->skew_ms;
    b->s3.tries = STORAGE_TRIES;
    return OK;
}

enum status storage_open(struct app *app, struct fetcher *fetcher, struct storage_bucket *ret,
                         struct err *err)
{
    return storage_open_with(app, settings_hold(app), fetcher, ret, err);
}

enum status storage_open_with(struct app *app, const struct settings *settings,
                              struct fetcher *fetcher, struct storage_bucket *ret, struct err *err)
{
    *ret = (struct storage_bucket){.settings = settings, .arena = arena_new(BUCKET_ARENA)};
    enum status status = fill(app, fetcher, ret, err);
    if (status != OK)
        storage_close(ret);
    return status;
}

void storage_close(struct storage_bucket *b)
{
    if (b->settings)
        settings_drop(b->settings);
    arena_free(b->arena);
    *b = (struct storage_bucket){0};
}

static void note_health(struct storage *s, uint64_t stamp, bool good)
{
    pthread_mutex_lock(&s->lock);
    if (good) {
        s->good_stamp = stamp;
        s->good_at = clock_mono_ms();
    }
    pthread_mutex_unlock(&s->lock);
}

static enum status check_once(const struct storage_bucket *b, atomic_llong *skew_ms,
                              struct err *err)
{
    struct s3 once = b->s3;
    once.tries = 1;
    once.timeout_ms = CHECK_MS;
    once.skew_ms = skew_ms;
    return s3_check(&once, err);
}

enum status storage_try(const struct storage_bucket *b, struct err *err)
{
    atomic_llong skew_ms = 0;
    return check_once(b, &skew_ms, err);
}

enum status storage_check(struct app *app, struct storage_bucket *b, struct err *err)
{
    enum status status = check_once(b, b->s3.skew_ms, err);
    note_health(app->storage, b->stamp, status == OK);
    return status;
}

bool storage_is_healthy(struct app *app)
{
    _cleanup_(settings_dropp) const struct settings *now = settings_hold(app);
    struct storage *s = app->storage;
    if (!storage_is_wanted(now))
        return false;
    pthread_mutex_lock(&s->lock);
    bool good = s->good_at && s->good_stamp == storage_stamp(now) &&
                clock_mono_ms() - s->good_at <= HEALTHY_MS;
    pthread_mutex_unlock(&s->lock);
    return good;
}

static struct str cdn_link(struct str cdn, struct str key, bool download, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf path = BUF_INIT(8 << 10);
    if (!url_percent_encode(key, true, &path))
        return STR_NONE;
    struct str text = buf_str(&path);
    return arena_printf(a, "%.*s/%.*s%s", STR_ARG(cdn), STR_ARG(text),
                        download ? "?download=1" : "");
}

struct str storage_link(const struct storage_bucket *b, struct str key, struct str disposition,
                        bool download, int64_t now_ms, struct arena *a)
{
    struct str cdn = b->settings->sora_s3_cdn_url;
    if (cdn.n)
        return cdn_link(cdn, key, download, a);
    /* A player must not begin anew each time that a list is read. */
    return s3_link(&b->s3, key, disposition, now_ms / STEADY_MS * STEADY_MS, LINK_LIFE_HOURS * 3600,
                   a);
}
