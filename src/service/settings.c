/* SPDX-License-Identifier: Apache-2.0 */
#include "service/settings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "service/events.h"
#include "service/settings_table.h"
#include "store/settings.h"
#include "store/stores.h"

enum { SNAPSHOT_BYTES = 1 << 20, MAX_SETTINGS = AUDIT_MAX_FIELDS };

/* Given out as a pointer to its first member. */
struct snapshot {
    struct settings settings;
    atomic_int holders;
    struct arena *arena;
    struct snapshot *base; /* whose views are used; NULL: none */
};

struct settings_store {
    pthread_mutex_t lock; /* current; held for a few instructions */
    struct snapshot *current;
    pthread_mutex_t reloading; /* so that an older reading never replaces a newer one */
};

/* --- snapshots ----------------------------------------------------------- */

static struct snapshot *snapshot_new(void)
{
    struct snapshot *snap = mem_zalloc(sizeof(*snap));
    snap->arena = arena_new(SNAPSHOT_BYTES);
    snap->holders = 1;
    return snap;
}

static void snapshot_drop(struct snapshot *snap)
{
    if (!snap || atomic_fetch_sub(&snap->holders, 1) != 1)
        return;
    arena_free(snap->arena);
    struct snapshot *base = snap->base;
    free(snap);
    snapshot_drop(base);
}
DEFINE_CLEANUP(struct snapshot, snapshot_drop)

const struct settings *settings_hold(struct app *app)
{
    struct settings_store *store = app->settings;
    pthread_mutex_lock(&store->lock);
    struct snapshot *snap = store->current;
    atomic_fetch_add(&snap->holders, 1);
    pthread_mutex_unlock(&store->lock);
    return &snap->settings;
}

void settings_drop(const struct settings *s)
{
    snapshot_drop(CONTAINER_OF(s, struct snapshot, settings));
}

static void replace(struct settings_store *store, struct snapshot *snap)
{
    pthread_mutex_lock(&store->lock);
    struct snapshot *old = store->current;
    store->current = snap;
    pthread_mutex_unlock(&store->lock);
    snapshot_drop(old);
}

/* --- reading ------------------------------------------------------------- */

static struct str context_of(struct arena *a, const struct setting *s)
{
    return arena_printf(a, "setting:%s", s->key);
}

struct reading {
    const struct key_ring *keys;
    struct snapshot *snap;
};

enum status settings_open_secret(const struct key_ring *keys, const struct setting *s,
                                 struct arena *a, struct str *text, struct err *err)
{
    return key_ring_open(keys, a, context_of(a, s), *text, text, err);
}

static enum status read_row(void *ctx, struct str key, struct str value, struct err *err)
{
    struct reading *r = ctx;
    const struct setting *s = settings_table_find(key);
    if (!s)
        return OK; /* the server's own, or of a newer version */
    if (s->secret)
        TRY(settings_open_secret(r->keys, s, r->snap->arena, &value, err));
    return s->kind->load(s, value, r->snap->arena, &r->snap->settings, err);
}

static enum status load_first_values(struct snapshot *snap, struct err *err)
{
    size_t count;
    const struct setting *table = settings_table(&count);
    for (size_t i = 0; i < count; i++)
        TRY(table[i].kind->load(&table[i], str_of(table[i].first), snap->arena, &snap->settings,
                                err));
    return OK;
}

static enum status read_all(struct app *app, struct db_conn *db, struct snapshot **ret,
                            struct err *err)
{
    _cleanup_(snapshot_dropp) struct snapshot *snap = snapshot_new();
    struct reading reading = {app->keys, snap};
    TRY(load_first_values(snap, err));
    TRY(settings_rows_read(db, read_row, &reading, err));
    TRY(store_find_present(db, &snap->settings.sora_s3_store, err));
    *ret = snap;
    snap = NULL;
    return OK;
}

enum status settings_reload(struct app *app, struct db_conn *db, struct err *err)
{
    struct settings_store *store = app->settings;
    struct snapshot *snap = NULL;
    pthread_mutex_lock(&store->reloading);
    enum status status = read_all(app, db, &snap, err);
    if (status == OK)
        replace(store, snap);
    pthread_mutex_unlock(&store->reloading);
    return status;
}

enum status settings_open(struct app *app, struct db_conn *db, struct err *err)
{
    struct snapshot *snap;
    TRY(read_all(app, db, &snap, err));
    struct settings_store *store = mem_zalloc(sizeof(*store));
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->reloading, NULL);
    store->current = snap;
    app->settings = store;
    return OK;
}

void settings_close(struct app *app)
{
    struct settings_store *store = app->settings;
    if (!store)
        return;
    replace(store, NULL);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->reloading);
    free(store);
    app->settings = NULL;
}

void settings_write(struct app *app, struct json_out *j)
{
    size_t count;
    const struct setting *table = settings_table(&count);
    _cleanup_(settings_dropp) const struct settings *now = settings_hold(app);
    json_object(j);
    for (size_t i = 0; i < count; i++)
        table[i].kind->write(&table[i], now, j);
    json_object_end(j);
}

/* --- changing ------------------------------------------------------------ */

static enum status unknown_setting(struct str key, struct err *err)
{
    char name[ERR_FIELD_MAX];
    snprintf(name, sizeof(name), "%.*s", STR_ARG(key));
    return err_field(err, "unknown_setting", name, "There is no setting %s.", name);
}

enum status settings_try(struct app *app, struct json body, const struct settings **ret,
                         struct err *err)
{
    _cleanup_(snapshot_dropp) struct snapshot *snap = snapshot_new();
    snap->base = CONTAINER_OF(settings_hold(app), struct snapshot, settings);
    snap->settings = snap->base->settings;
    snap->settings.sora_s3_store = 0;
    for (size_t i = 0; i < json_size(body); i++) {
        struct str key, text;
        struct json value = json_member(body, i, &key);
        const struct setting *s = settings_table_find(key);
        if (!s)
            return unknown_setting(key, err);
        text = str_of(s->first);
        if (!json_is_null(value))
            TRY(s->kind->read(s, value, snap->arena, &text, err));
        TRY(s->kind->load(s, text, snap->arena, &snap->settings, err));
    }
    *ret = &snap->settings;
    snap = NULL;
    return OK;
}

/* What one member of the request asks for. */
struct change {
    const struct setting *setting;
    struct str text; /* STR_NONE: back to its first value */
};

/* An empty secret is none. */
static enum status seal(const struct key_ring *keys, const struct setting *s, struct arena *a,
                        struct str *text, struct err *err)
{
    if (text->n == 0) {
        *text = STR_NONE;
        return OK;
    }
    *text = key_ring_seal(keys, a, context_of(a, s), *text);
    return text->p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

static enum status read_change(const struct key_ring *keys, struct json body, size_t i,
                               struct snapshot *scratch, struct change *ret, struct err *err)
{
    struct str key, text = STR_NONE;
    struct json value = json_member(body, i, &key);
    const struct setting *s = settings_table_find(key);
    if (!s)
        return unknown_setting(key, err);
    if (!json_is_null(value)) {
        TRY(s->kind->read(s, value, scratch->arena, &text, err));
        TRY(s->kind->load(s, text, scratch->arena, &scratch->settings, err));
        if (s->keep)
            TRY(s->keep(s, text, scratch->arena, err));
        if (s->secret)
            TRY(seal(keys, s, scratch->arena, &text, err));
    }
    *ret = (struct change){s, text};
    return OK;
}

static enum status keep_changes(struct db_conn *db, const struct actor *actor,
                                const struct change *changes, size_t count, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct deed deed = {.action = "settings.update", .kind = "settings"};
    int64_t now = clock_wall_ms();
    TRY(db_begin(tx, err));
    for (size_t i = 0; i < count; i++) {
        const char *key = changes[i].setting->key;
        deed_add_field(&deed, key);
        if (changes[i].text.p)
            TRY(settings_row_put(tx, key, changes[i].text, now, err));
        else
            TRY(settings_row_delete(tx, key, err));
    }
    TRY(store_keep_present(tx, now, err));
    TRY(audit_note(tx, actor, &deed, err));
    TRY(db_notify(tx, "settings", STR(""), err));
    TRY(events_note(tx, TOPIC_SITE, EVENT_SITE, 0, 0, err));
    return db_commit(tx, err);
}

/* The commit's own event may have been told while this node's snapshot was still the old
 * one.  Best effort: the change itself is made. */
static void announce_again(struct db_conn *db)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct err ignored;
    if (db_begin(tx, &ignored) == OK &&
        events_note(tx, TOPIC_SITE, EVENT_SITE, 0, 0, &ignored) == OK)
        db_commit(tx, &ignored);
}

enum status settings_change(struct app *app, struct db_conn *db, const struct actor *actor,
                            struct json body, struct err *err)
{
    _cleanup_(snapshot_dropp) struct snapshot *scratch = snapshot_new();
    struct change changes[MAX_SETTINGS];
    TRY(json_need_object(body, err));
    size_t count = json_size(body);
    if (count > MAX_SETTINGS)
        return err_say(err, E_INVALID, "unknown_setting", "There are not so many settings.");
    for (size_t i = 0; i < count; i++)
        TRY(read_change(app->keys, body, i, scratch, &changes[i], err));
    if (count == 0)
        return OK;
    TRY(keep_changes(db, actor, changes, count, err));
    TRY(settings_reload(app, db, err));
    announce_again(db);
    return OK;
}
