/* SPDX-License-Identifier: Apache-2.0 */
#include "service/store_keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "media/local.h"
#include "net/fetch.h"
#include "service/quota.h"
#include "service/storage.h"
#include "store/objects.h"

enum {
    TICK_MS = 50,
    BATCH = 64,
    ROUND_MS = 5000,          /* for the deletions of one store; then others have their turn */
    DELETION_FIRST_MS = 5000, /* doubled with each failure, up to an hour */
    SECOND_LOOK_MS = 60000,   /* a request that was under way is answered or given up by then */
    CHECK_MS = 20000,         /* HeadBucket: three times within the minute that it is good for */
    BUCKET_PAUSE_MS = 1000,   /* after a failure of the whole bucket; doubled, up to the most */
    BUCKET_PAUSE_MAX_MS = 30000,
    OLD_PAUSE_MAX_MS = 600000, /* of a bucket that the settings do not name any more */
    OLD_TRY_MS = 8000,         /* it must not keep the present one waiting */
    STORES_MAX = 32,           /* looked at in one round */
    ARENA_BYTES = 4 << 20,
};

/* A bucket that does not answer is left alone for a while. */
struct rest {
    int64_t store_id, pause_ms, until; /* until: mono ms; store_id 0: nobody's */
};

struct store_keeper {
    struct app *app;
    struct db_conn *db;
    struct fetcher *fetcher;
    struct arena *arena;
    pthread_t thread;
    atomic_bool stopping;
    int64_t next_second, next_ten, next_check; /* mono ms */
    uint64_t checked; /* the stamp of the settings that were checked last */
    bool healthy;
    struct rest rests[STORES_MAX];
};

static void report(const char *what, enum status status, const struct err *err)
{
    if (status != OK)
        log_warn("periodic work failed", LOG_Z("what", what), LOG_Z("code", err->code),
                 LOG_Z("why", err->detail));
}

static int64_t back_off(int64_t attempts)
{
    int64_t delay = (int64_t)DELETION_FIRST_MS << MIN(attempts, 10);
    return MIN(delay, CLOCK_HOUR_MS);
}

/* ---- the deletion queue (SG-7) */

/* why NULL: it is gone. */
static enum status note(struct db_conn *tx, const struct deletion *d, const struct err *why,
                        struct err *err)
{
    int64_t now = clock_wall_ms();
    if (why)
        return deletion_later(tx, d, now + back_off(d->attempts),
                              str_of(why->detail[0] ? why->detail : why->code), err);
    return d->looks > 1 ? deletion_looked(tx, d, now + SECOND_LOOK_MS, err)
                        : deletion_done(tx, d->id, err);
}

static enum status settle(struct store_keeper *k, const struct deletion *d, const struct err *why,
                          struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = k->db;
    TRY(db_begin(tx, err));
    TRY(note(tx, d, why, err));
    return db_commit(tx, err);
}

/* Many may be due at once, of a user who has gone or of uploads whose last bytes are replaced with
 * every request: a batch that was full is followed by the next one at once. */
static bool goes_on(struct store_keeper *k, size_t n, int64_t until_ms)
{
    arena_reset(k->arena);
    return n == BATCH && clock_mono_ms() < until_ms && !atomic_load(&k->stopping);
}

static enum status clear_files(struct store_keeper *k, int64_t store_id, size_t *ret_count,
                               struct err *err)
{
    struct deletion due[BATCH];
    TRY(deletion_list_due(k->db, STORAGE_LOCAL, store_id, clock_wall_ms(), k->arena, due, BATCH,
                          ret_count, err));
    for (size_t i = 0; i < *ret_count; i++) {
        struct err why = {0};
        bool gone = local_remove(k->app->local, due[i].key, &why) == OK;
        TRY(settle(k, &due[i], gone ? NULL : &why, err));
    }
    return OK;
}

static enum status clear_folder(struct store_keeper *k, int64_t store_id, struct err *err)
{
    int64_t until = clock_mono_ms() + ROUND_MS;
    size_t n;
    do {
        TRY(clear_files(k, store_id, &n, err));
    } while (goes_on(k, n, until));
    return OK;
}

/* What lies in another folder is its node's to remove.  With SQLite there is no other node: a
 * folder of another mark is this one, before it was copied here. */
static enum status clear_disk(struct store_keeper *k, struct err *err)
{
    int64_t folders[STORES_MAX] = {storage_present(k->app, STORAGE_LOCAL)};
    size_t n = 1;
    if (db_engine_of(k->app->db) == DB_SQLITE)
        TRY(deletion_list_stores(k->db, STORAGE_LOCAL, clock_wall_ms(), folders, STORES_MAX, &n,
                                 err));
    for (size_t i = 0; i < n; i++) {
        if (folders[i])
            TRY(clear_folder(k, folders[i], err));
    }
    return clear_folder(k, 0, err);
}

static enum status clear_unfinished(struct store_keeper *k, const struct s3 *s3,
                                    const struct deletion *d, struct err *err)
{
    struct err list_err = {0}, why = {0};
    enum status listed = s3_upload_abort_all(s3, d->key, &list_err);
    if (listed == E_UNAVAILABLE) {
        *err = list_err;
        return listed;
    }
    /* The list is a permission of its own: without it the object goes all the same. */
    enum status gone = s3_delete(s3, d->key, &why);
    if (gone == E_UNAVAILABLE) {
        *err = why;
        return gone;
    }
    return settle(k, d, listed != OK ? &list_err : gone != OK ? &why : NULL, err);
}

/* Finished ones in one request. */
static enum status clear_batch(struct store_keeper *k, const struct s3 *s3,
                               const struct deletion *due, size_t n, struct err *err)
{
    struct str keys[BATCH];
    const struct deletion *of[BATCH];
    bool gone[BATCH];
    struct err why;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (due[i].looks == 0) {
            of[count] = &due[i];
            keys[count++] = due[i].key;
        }
    }
    if (count == 0)
        return OK;
    TRY(s3_delete_many(s3, keys, count, gone, err));
    why = *err; /* of those that stayed */
    _cleanup_(db_tx_end) struct db_conn *tx = k->db;
    TRY(db_begin(tx, err));
    for (size_t i = 0; i < count; i++)
        TRY(note(tx, of[i], gone[i] ? NULL : &why, err));
    return db_commit(tx, err);
}

static enum status clear_objects(struct store_keeper *k, const struct s3 *s3, int64_t store_id,
                                 size_t *ret_count, struct err *err)
{
    struct deletion due[BATCH];
    size_t n;
    TRY(deletion_list_due(k->db, STORAGE_S3, store_id, clock_wall_ms(), k->arena, due, BATCH, &n,
                          err));
    *ret_count = n;
    struct err batch_err = {0};
    enum status batch = clear_batch(k, s3, due, n, &batch_err);
    for (size_t i = 0; batch != E_UNAVAILABLE && i < n; i++) {
        if (due[i].looks > 0)
            TRY(clear_unfinished(k, s3, &due[i], err));
    }
    if (batch != OK)
        *err = batch_err;
    return batch;
}

static enum status clear_due(struct store_keeper *k, const struct s3 *s3, int64_t store_id,
                             struct err *err)
{
    int64_t until = clock_mono_ms() + ROUND_MS;
    size_t n;
    do {
        TRY(clear_objects(k, s3, store_id, &n, err));
    } while (goes_on(k, n, until));
    return OK;
}

/* ---- buckets that rest */

static struct rest *rest_of(struct store_keeper *k, int64_t store_id)
{
    struct rest *oldest = &k->rests[0];
    for (size_t i = 0; i < STORES_MAX; i++) {
        if (k->rests[i].store_id == store_id)
            return &k->rests[i];
        if (k->rests[i].until < oldest->until)
            oldest = &k->rests[i];
    }
    *oldest = (struct rest){.store_id = store_id};
    return oldest;
}

static void note_rest(struct rest *r, enum status status, int64_t most_ms)
{
    r->pause_ms = status == OK ? 0 : MIN(MAX(2 * r->pause_ms, BUCKET_PAUSE_MS), most_ms);
    r->until = status == OK ? 0 : clock_mono_ms() + r->pause_ms;
}

/* An outage is the bucket's, not the rows': they wait as they are, and go soon after its end. */
static void clear_bucket(struct store_keeper *k, int64_t store_id, bool present)
{
    struct storage_bucket bucket;
    struct err err = {0};
    struct rest *rest = rest_of(k, store_id);
    if (clock_mono_ms() < rest->until)
        return;
    enum status status = storage_open_store(k->app, k->db, k->fetcher, store_id, &bucket, &err);
    if (status != OK && present)
        return; /* none: they wait for the settings */
    if (status == OK) {
        bucket.s3.cancelled = &k->stopping;
        bucket.s3.tries = 1;
        bucket.s3.timeout_ms = present ? 0 : OLD_TRY_MS;
        status = clear_due(k, &bucket.s3, store_id, &err);
        if (status == OK && present)
            status = clear_due(k, &bucket.s3, 0, &err);
        storage_close(&bucket);
    }
    db_rollback(k->db);
    note_rest(rest, status, present ? BUCKET_PAUSE_MAX_MS : OLD_PAUSE_MAX_MS);
    report("deletions in a bucket", status, &err);
}

/* What lies in a bucket that the settings named before is removed there, and nowhere else. */
static void clear_buckets(struct store_keeper *k)
{
    struct err err = {0};
    int64_t stores[STORES_MAX], present = storage_present(k->app, STORAGE_S3);
    size_t n;
    clear_bucket(k, present, true);
    enum status status = deletion_list_stores(k->db, STORAGE_S3, clock_wall_ms(), stores,
                                              STORES_MAX, &n, &err);
    report("buckets with deletions", status, &err);
    for (size_t i = 0; status == OK && i < n; i++) {
        if (stores[i] != present)
            clear_bucket(k, stores[i], false);
    }
}

/* ---- writers that died, and what was kept for a while */

static enum status clear_ended(struct store_keeper *k, struct err *err)
{
    struct object expired[BATCH];
    size_t n;
    TRY(object_list_expired(k->db, clock_wall_ms(), k->arena, expired, BATCH, &n, err));
    for (size_t i = 0; i < n; i++) {
        enum status status = quota_release_ended(k->db, expired[i].user_id, expired[i].id, k->arena,
                                                 err);
        /* It may have been settled, or prolonged, since it was listed. */
        if (status != E_NOT_FOUND && status != E_CONFLICT)
            TRY(status);
    }
    return OK;
}

/* ---- health (ST-7) */

/* Told once, when it changes. */
static void note_health(struct store_keeper *k, enum status status, const struct err *err)
{
    if (k->healthy && status != OK)
        log_warn("the bucket does not answer", LOG_Z("code", err->code), LOG_Z("why", err->detail));
    if (!k->healthy && status == OK)
        log_info("the bucket answers");
    k->healthy = status == OK;
    if (k->healthy)
        rest_of(k, storage_present(k->app, STORAGE_S3))->until = 0;
}

static void check_bucket(struct store_keeper *k)
{
    struct storage_bucket bucket;
    struct err err = {0};
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(k->app);
    uint64_t stamp = storage_is_wanted(settings) ? storage_stamp(settings) : 0;
    if (stamp == k->checked && clock_mono_ms() < k->next_check)
        return;
    k->checked = stamp;
    k->next_check = clock_mono_ms() + CHECK_MS;
    if (!stamp || storage_open(k->app, k->fetcher, &bucket, &err) != OK)
        return;
    bucket.s3.cancelled = &k->stopping;
    note_health(k, storage_check(k->app, &bucket, &err), &err);
    storage_close(&bucket);
}

/* ---- rounds */

static bool is_due(int64_t *next, int64_t every_ms)
{
    int64_t now = clock_mono_ms();
    if (now < *next)
        return false;
    *next = now + every_ms;
    return true;
}

static void every_second(struct store_keeper *k)
{
    struct err err;
    report("deletions on the disk", clear_disk(k, &err), &err);
    db_rollback(k->db);
    check_bucket(k);
    clear_buckets(k);
}

static void every_ten(struct store_keeper *k)
{
    struct err err;
    report("objects whose lease has ended", clear_ended(k, &err), &err);
    db_rollback(k->db);
    report("this node", storage_tell_node(k->app, k->db, &err), &err);
    db_rollback(k->db);
}

static void *keeper_main(void *arg)
{
    struct store_keeper *k = arg;
    struct timespec pause = {.tv_nsec = TICK_MS * 1000000L};
    struct err err;
    while (!atomic_load(&k->stopping)) {
        nanosleep(&pause, NULL);
        if (is_due(&k->next_second, CLOCK_SECOND_MS))
            every_second(k);
        if (is_due(&k->next_ten, 10 * CLOCK_SECOND_MS))
            every_ten(k);
        arena_reset(k->arena);
    }
    report("deletions on the disk", clear_disk(k, &err), &err);
    report("this node", storage_untell_node(k->app, k->db, &err), &err);
    return NULL;
}

static void free_keeper(struct store_keeper *k)
{
    fetcher_free(k->fetcher);
    db_conn_free(k->db);
    arena_free(k->arena);
    free(k);
}

enum status store_keeper_start(struct app *app, struct store_keeper **ret, struct err *err)
{
    struct store_keeper *k = mem_zalloc(sizeof(*k));
    k->app = app;
    k->db = db_conn_new(app->db);
    k->fetcher = fetcher_new(str_of(app->resolver));
    k->arena = arena_new(ARENA_BYTES);
    enum status status = thread_start(&k->thread, keeper_main, k, "the stores' keeper", err);
    if (status == OK)
        *ret = k;
    else
        free_keeper(k);
    return status;
}

void store_keeper_stop(struct store_keeper *k)
{
    if (!k)
        return;
    atomic_store(&k->stopping, true);
    pthread_join(k->thread, NULL);
    free_keeper(k);
}
