/* SPDX-License-Identifier: Apache-2.0 */
#include "service/storage.h"

#include <pthread.h>

#include "base/clock.h"
#include "media/links.h"
#include "media/local.h"
#include "store/stores.h"

enum { BUCKET_ARENA = 256 << 10, CHECK_MS = 8000 };

#define HEALTHY_MS CLOCK_MINUTE_MS
/* Links made within so long are the same. */
#define STEADY_MS (10 * CLOCK_MINUTE_MS)

struct storage {
    atomic_llong skew_ms;
    atomic_llong folder; /* the number of this node's media folder */
    atomic_bool apart;
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

static enum status fill(struct app *app, struct storage_bucket *b, struct err *err)
{
    const struct settings *s = b->settings;
    if (!storage_is_complete(s))
        return err_set(err, E_UNAVAILABLE, "storage_not_configured");
    TRY(url_parse(s->sora_s3_endpoint, b->arena, &b->s3.endpoint, err));
    b->stamp = storage_stamp(s);
    b->store_id = s->sora_s3_store;
    b->cdn_url = s->sora_s3_cdn_url;
    b->s3.key = (struct sigv4_key){s->sora_s3_access_key_id, s->sora_s3_secret_access_key,
                                   s->sora_s3_region};
    b->s3.bucket = s->sora_s3_bucket;
    b->s3.ca_pem = s->sora_s3_ca_pem;
    b->s3.path_style = s->sora_s3_force_path_style;
    b->s3.skew_ms = &app->storage->skew_ms;
    return OK;
}

/* One that the settings name no more, or without all that opens it. */
static enum status fill_kept(struct app *app, struct db_conn *db, int64_t store_id,
                             struct storage_bucket *b, struct err *err)
{
    /* It was sealed as the setting. */
    const struct str context = STR("setting:sora_s3_secret_access_key");
    struct store_row row;
    struct str secret;
    TRY(store_load(db, store_id, b->arena, &row, err));
    if (!row.secret_access_key.n)
        return err_set(err, E_UNAVAILABLE, "storage_not_configured");
    TRY(key_ring_open(app->keys, b->arena, context, row.secret_access_key, &secret, err));
    TRY(url_parse(row.endpoint, b->arena, &b->s3.endpoint, err));
    b->store_id = row.id;
    b->cdn_url = row.cdn_url;
    b->s3.key = (struct sigv4_key){row.access_key_id, secret, row.region};
    b->s3.bucket = row.bucket;
    b->s3.ca_pem = row.ca_pem;
    b->s3.path_style = row.force_path_style;
    b->s3.skew_ms = &b->skew_ms;
    return OK;
}

static void fill_way(struct fetcher *fetcher, struct storage_bucket *b)
{
    b->s3.guard = (struct guard){GUARD_ADMIN, b->settings->allowed_private_networks,
                                 b->settings->allowed_private_network_count};
    b->s3.fetcher = fetcher;
    b->s3.tries = STORAGE_TRIES;
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
    fill_way(fetcher, ret);
    enum status status = fill(app, ret, err);
    if (status != OK)
        storage_close(ret);
    return status;
}

enum status storage_open_store(struct app *app, struct db_conn *db, struct fetcher *fetcher,
                               int64_t store_id, struct storage_bucket *ret, struct err *err)
{
    const struct settings *now = settings_hold(app);
    if (store_id == 0 || (store_id == now->sora_s3_store && storage_is_complete(now)))
        return storage_open_with(app, now, fetcher, ret, err);
    *ret = (struct storage_bucket){.settings = now, .arena = arena_new(BUCKET_ARENA)};
    fill_way(fetcher, ret);
    enum status status = fill_kept(app, db, store_id, ret, err);
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
    once.until_ms = clock_mono_ms() + CHECK_MS;
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

/* ---- this node's folder */

int64_t storage_present(struct app *app, enum storage_type type)
{
    _cleanup_(settings_dropp) const struct settings *now = settings_hold(app);
    return type == STORAGE_S3 ? now->sora_s3_store : atomic_load(&app->storage->folder);
}

enum status storage_tell_node(struct app *app, struct db_conn *db, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    int64_t now = clock_wall_ms(), folder = atomic_load(&app->storage->folder);
    struct err ignored;
    char mark[UUID_SIZE];
    bool apart;
    /* A folder that takes no files has no mark yet. */
    bool found = folder == 0 && local_mark(app->local, mark, &ignored) == OK;
    TRY(db_begin(tx, err));
    if (found)
        TRY(store_of_folder(tx, mark, now, &folder, err));
    TRY(node_seen(tx, app->node_id, folder, now, now - STORAGE_NODE_MS, err));
    TRY(node_is_apart(tx, folder, now - STORAGE_NODE_MS, &apart, err));
    TRY(db_commit(tx, err));
    atomic_store(&app->storage->folder, folder);
    atomic_store(&app->storage->apart, apart);
    return OK;
}

enum status storage_untell_node(struct app *app, struct db_conn *db, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(node_gone(tx, app->node_id, err));
    return db_commit(tx, err);
}

bool storage_is_apart(struct app *app)
{
    return atomic_load(&app->storage->apart);
}

/* ---- links */

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
    if (b->cdn_url.n)
        return cdn_link(b->cdn_url, key, download, a);
    /* A player must not begin anew each time that a list is read. */
    return s3_link(&b->s3, key, disposition, now_ms / STEADY_MS * STEADY_MS, LINK_LIFE_HOURS * 3600,
                   a);
}
