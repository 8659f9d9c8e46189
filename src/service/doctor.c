/* SPDX-License-Identifier: Apache-2.0 */
#include "service/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "media/local.h"
#include "net/fetch.h"
#include "platform/migrate.h"
#include "service/doctor_impl.h"
#include "service/secrets.h"
#include "service/settings.h"

enum { ROW_BYTES = 4 << 20, OLD_BUCKETS_MAX = 64 };

const char *doctor_kind_name(enum doctor_kind k)
{
    static const char *const names[] = {
        [DOCTOR_ORPHAN] = "orphan",
        [DOCTOR_UPLOAD] = "unfinished_upload",
        [DOCTOR_GHOST] = "ghost",
        [DOCTOR_SIZE] = "wrong_size",
        [DOCTOR_COUNTER] = "counter",
        [DOCTOR_RESERVATION] = "stuck_reservation",
        [DOCTOR_OWNERLESS] = "ownerless_row",
        [DOCTOR_STRAY] = "stray_object",
        [DOCTOR_UNFINISHED] = "stuck_work",
        [DOCTOR_KEYS] = "missing_rows",
    };
    return names[k];
}

static const char *words_of(const struct err *err)
{
    return err->text[0] ? err->text : err->code;
}

enum status doctor_find(struct doctor *d, struct doctor_finding *f, doctor_mend *mend, void *ctx,
                        struct err *err)
{
    struct err why = {0};
    enum status status = OK;
    if (d->orders->repair)
        status = mend(d, ctx, &why);
    db_rollback(d->db);
    arena_reset(d->row);
    if (status == E_NOT_FOUND || status == E_CONFLICT)
        return OK;
    if (status == E_UNAVAILABLE) {
        *err = why;
        return status;
    }
    f->outcome = !d->orders->repair ? DOCTOR_TOLD : status == OK ? DOCTOR_MENDED : DOCTOR_FAILED;
    f->why = status == OK ? NULL : words_of(&why);
    d->findings++;
    d->orders->on_finding(d->orders->ctx, f);
    return OK;
}

/* ---- telling how a check ended */

static void conclude(struct doctor *d, const char *name, enum doctor_state state,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

static void conclude(struct doctor *d, const char *name, enum doctor_state state,
                     const char *format, ...)
{
    struct doctor_check check = {.name = name, .state = state};
    va_list args;
    va_start(args, format);
    vsnprintf(check.text, sizeof(check.text), format, args);
    va_end(args);
    d->orders->on_check(d->orders->ctx, &check);
    d->findings = 0;
}

static void not_looked(struct doctor *d, const char *name, const struct err *err)
{
    conclude(d, name, DOCTOR_NOT_LOOKED, "%s%s%s", words_of(err), err->detail[0] ? ": " : "",
             err->detail);
}

static enum doctor_state state_of(const struct doctor *d)
{
    return d->findings ? DOCTOR_FOUND : DOCTOR_CLEAN;
}

/* ---- the single checks */

static bool check_migrations(struct doctor *d)
{
    struct err err = {0};
    if (migrate_check(d->db, &err) != OK) {
        not_looked(d, "schema", &err);
        return false;
    }
    conclude(d, "schema", DOCTOR_CLEAN, "%zu migrations, as this program has them",
             embedded_sql_count);
    return true;
}

static void check_keys(struct doctor *d)
{
    struct err err = {0};
    struct secrets_count count;
    if (secrets_check(d->db, d->app->keys, &count, &err) != OK)
        not_looked(d, "keys", &err);
    else if (!d->app->keys)
        conclude(d, "keys", count.sealed ? DOCTOR_FOUND : DOCTOR_CLEAN,
                 "secret.keys is missing; %zu secrets are sealed with it", count.sealed);
    else
        conclude(d, "keys", count.unreadable ? DOCTOR_FOUND : DOCTOR_CLEAN,
                 "%zu of %zu secrets can be opened", count.sealed - count.unreadable, count.sealed);
}

static bool check_settings(struct doctor *d)
{
    struct err err = {0};
    enum status status = d->app->keys ? settings_open(d->app, d->db, &err)
                                      : err_set(&err, E_INTERNAL, "secret_unreadable");
    if (status != OK)
        not_looked(d, "settings", &err);
    else
        conclude(d, "settings", DOCTOR_CLEAN, "can be read");
    return status == OK;
}

static void check_rows(struct doctor *d)
{
    struct err err = {0};
    size_t looked = 0;
    if (doctor_check_rows(d, &looked, &err) != OK)
        not_looked(d, "rows", &err);
    else
        conclude(d, "rows", state_of(d), "%zu users and works looked at, %zu findings", looked,
                 d->findings);
}

static void check_disk(struct doctor *d)
{
    struct err err = {0};
    struct doctor_compared compared;
    enum status status = local_open(d->app->data_dir, &d->app->local, &err);
    if (status == OK)
        status = doctor_compare_disk(d, &compared, &err);
    if (status != OK) {
        not_looked(d, "disk", &err);
        return;
    }
    char elsewhere[160] = "";
    if (db_engine_of(d->app->db) == DB_POSTGRES)
        snprintf(elsewhere, sizeof(elsewhere),
                 "; of this machine alone: %zu rows have their file on another, or have lost it",
                 compared.elsewhere);
    conclude(d, "disk", state_of(d), "%zu files, %zu findings, %zu too young to judge%s",
             compared.stored, d->findings, compared.young, elsewhere);
}

static enum status compare_bucket(struct doctor *d, const struct storage_bucket *bucket,
                                  struct err *err)
{
    struct doctor_compared compared = {0};
    TRY(storage_try(bucket, err));
    TRY(doctor_compare_bucket(d, bucket, &compared, err));
    conclude(d, "bucket", state_of(d), "%.*s: %zu objects, %zu findings, %zu too young to judge",
             STR_ARG(bucket->s3.bucket), compared.stored, d->findings, compared.young);
    return OK;
}

static void check_bucket(struct doctor *d, int64_t store_id)
{
    struct storage_bucket bucket;
    struct err err = {0};
    struct fetcher *fetcher = fetcher_new(str_of(d->app->resolver));
    enum status status = storage_open_store(d->app, d->db, fetcher, store_id, &bucket, &err);
    if (status == OK) {
        status = compare_bucket(d, &bucket, &err);
        storage_close(&bucket);
    }
    fetcher_free(fetcher);
    if (status != OK)
        not_looked(d, "bucket", &err);
}

/* Those that the settings named before, as far as there are works in them. */
static void check_old_buckets(struct doctor *d)
{
    struct err err = {0};
    int64_t stores[OLD_BUCKETS_MAX];
    size_t n;
    if (inspection_buckets(d->db, storage_present(d->app, STORAGE_S3), stores, OLD_BUCKETS_MAX, &n,
                           &err) != OK) {
        not_looked(d, "bucket", &err);
        return;
    }
    for (size_t i = 0; i < n; i++)
        check_bucket(d, stores[i]);
}

/* Without a bucket there must be no rows that lie in one. */
static void check_no_bucket(struct doctor *d)
{
    struct err err = {0};
    struct inspected_object one;
    size_t n;
    if (inspection_objects(d->db, STORAGE_S3, 0, true, STR(""), d->row, &one, 1, &n, &err) != OK)
        not_looked(d, "bucket", &err);
    else if (n)
        conclude(d, "bucket", DOCTOR_NOT_LOOKED,
                 "there are works in a bucket, and the settings name none");
    else
        conclude(d, "bucket", DOCTOR_OFF, "none is set up");
}

static bool have_bucket(struct app *app)
{
    _cleanup_(settings_dropp) const struct settings *now = settings_hold(app);
    return storage_is_complete(now);
}

/* Stores first: what is mended there changes rows. */
static void look_at_all(struct doctor *d)
{
    if (!check_migrations(d))
        return;
    check_keys(d);
    bool readable = check_settings(d);
    check_disk(d);
    if (readable && have_bucket(d->app))
        check_bucket(d, storage_present(d->app, STORAGE_S3));
    else if (readable)
        check_no_bucket(d);
    if (readable)
        check_old_buckets(d);
    check_rows(d);
}

void doctor_run(struct app *app, struct db_conn *db, const struct doctor_orders *orders)
{
    _cleanup_(arena_freep) struct arena *row = arena_new(ROW_BYTES);
    struct doctor d = {.app = app, .db = db, .orders = orders, .row = row, .now = clock_wall_ms()};
    app->storage = storage_new();
    look_at_all(&d);
    storage_free(app->storage);
    local_close(app->local);
    settings_close(app);
    app->storage = NULL;
    app->local = NULL;
}
