/* SPDX-License-Identifier: Apache-2.0 */
#include "service/upload_shelf.h"

#include "base/clock.h"
#include "base/hex.h"
#include "media/links.h"
#include "net/url.h"
#include "platform/media_probe.h"
#include "service/events.h"
#include "service/quota.h"
#include "service/settings.h"
#include "store/ledger.h"
#include "store/objects.h"
#include "store/users.h"

#define REFERENCE_LIFE_MS (30 * CLOCK_DAY_MS)
enum { SWEEP_BATCH = 64 };

/* ---- figures */

enum status upload_summarize(struct app *app, struct db_conn *db, int64_t user_id,
                             struct upload_summary *ret, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    const struct upload_settings *s = &settings->uploads;
    struct upload_summary sum = {.enforced = s->quota_enabled};
    struct ledger row;
    TRY(ledger_read(db, user_id, &row, err));
    TRY(object_sums(db, user_id, COUNTER_UPLOAD, clock_wall_ms(), &sum.used, &sum.reserved, err));
    TRY(upload_sums(db, user_id, sum.sums, err));
    sum.limit = upload_quota_of(s, row.group_id);
    sum.left = sum.limit ? MAX(sum.limit - sum.used - sum.reserved, 0) : INT64_MAX;
    for (enum upload_sub_type t = 0; t < UPLOAD_SUB_TYPES; t++) {
        sum.allowed[t] = upload_is_allowed(s, t);
        sum.limits[t] = upload_limits_of(s, row.group_id, t);
    }
    *ret = sum;
    return OK;
}

/* ---- deleting */

/* With its lock held.  What has gone already is gone. */
static enum status release(struct db_conn *tx, int64_t object_id, struct arena *a, struct err *err)
{
    struct object o;
    enum status status = object_load(tx, object_id, a, &o, err);
    if (status == E_NOT_FOUND)
        return OK;
    TRY(status);
    return quota_release(tx, &o, clock_wall_ms(), err);
}

enum status upload_remove(struct worker *w, int64_t user_id, struct str uuid, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct upload_record r;
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, user_id, err));
    TRY(upload_find(tx, user_id, upload_uuid_of(uuid, a), a, &r, err));
    TRY(users_drop_picture(tx, user_id, r.uuid, clock_wall_ms(), err));
    if (r.poster_object_id)
        TRY(release(tx, r.poster_object_id, a, err));
    TRY(release(tx, r.object_id, a, err));
    TRY(events_note(tx, TOPIC_USER, EVENT_QUOTA, user_id, 0, err));
    return db_commit(tx, err);
}

/* ---- names */

/* RFC 9562, 4: 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(struct str text)
{
    if (text.n != UUID_SIZE - 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.p[i] != '-' : hex_value(text.p[i]) < 0)
            return false;
    }
    return true;
}

struct str upload_uuid_of(struct str text, struct arena *a)
{
    if (!is_uuid(text))
        return STR_NONE;
    char *low = arena_alloc(a, text.n);
    if (!low)
        return STR_NONE;
    for (size_t i = 0; i < text.n; i++)
        low[i] = (char)(text.p[i] >= 'A' && text.p[i] <= 'F' ? text.p[i] + 32 : text.p[i]);
    return (struct str){low, text.n};
}

static bool takes_url(enum upload_sub_type t)
{
    return t != UPLOAD_OC_AVATAR && t != UPLOAD_OC_GALLERY && t != UPLOAD_OC_GALLERY_VIDEO;
}

static enum status resolve_url(enum upload_sub_type t, const char *field, struct str value,
                               struct arena *a, struct err *err)
{
    struct url url;
    if (!takes_url(t))
        return err_field(err, "invalid_field", field, "%s must be the UUID of an upload.", field);
    if (value.n > UPLOAD_URL_MAX || url_parse(value, a, &url, NULL) != OK)
        return err_field(err, "invalid_field", field,
                         "%s must be the UUID of an upload, or an address that begins with http:// "
                         "or https://",
                         field);
    return OK;
}

enum status upload_resolve(struct db_conn *db, int64_t user_id, enum upload_sub_type sub_type,
                           const char *field, struct str value, struct arena *a,
                           struct upload_record *ret, struct err *err)
{
    struct str uuid = upload_uuid_of(value, a);
    struct upload_record r;
    *ret = (struct upload_record){.user_id = user_id, .sub_type = sub_type};
    if (!uuid.p)
        return resolve_url(sub_type, field, value, a, err);
    if (!upload_has_uuid(sub_type))
        return err_field(err, "invalid_field", field, "A reference has no UUID.");
    TRY(upload_find(db, user_id, uuid, a, &r, err));
    if (upload_is_video(sub_type) != upload_is_video(r.sub_type))
        return err_field(err, "invalid_field", field, "%s must be the UUID of %s.", field,
                         upload_is_video(sub_type) ? "a video" : "an image");
    *ret = r;
    return OK;
}

/* ---- as the input of a job */

bool upload_may_be_named(struct str text)
{
    return is_uuid(text) || str_find(text, STR("reference/")) >= 0 ||
           str_find(text, STR("/media/object/")) >= 0;
}

/* Our own signed link: the object that it opens; 0: it is none. */
static int64_t object_of_link(struct worker *w, struct str path)
{
    struct str begin = STR("/media/object/");
    int64_t id;
    if (!str_starts(path, begin))
        return 0;
    struct str name = str_from(path, begin.n);
    struct str token = str_cut(&name, '/');
    bool ours = link_check(w->app->keys, "object", token, name, clock_wall_ms(), &id, NULL) == OK;
    return ours ? id : 0;
}

/* A link into the bucket ends with the key. */
static struct str key_of_path(struct worker *w, struct str path, struct arena *a)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(w->app);
    struct str prefix = settings->sora_s3_prefix;
    ptrdiff_t at = str_find(path, STR("reference/"));
    if (at < 0)
        return STR_NONE;
    struct str rest = str_from(path, (size_t)at);
    return prefix.n ? arena_printf(a, "%.*s/%.*s", STR_ARG(prefix), STR_ARG(rest)) : rest;
}

static enum status find_reference(struct worker *w, int64_t user_id, struct str text,
                                  struct arena *a, struct upload_record *ret, struct err *err)
{
    struct url url;
    if (url_parse(text, a, &url, NULL) != OK)
        return upload_find_reference(w->db, user_id, 0, text, a, ret, err);
    return upload_find_reference(w->db, user_id, object_of_link(w, url.path),
                                 key_of_path(w, url.path, a), a, ret, err);
}

enum status upload_find_input(struct worker *w, int64_t user_id, struct str text, struct arena *a,
                              struct upload_record *ret, bool *ret_found, struct err *err)
{
    struct str uuid = upload_uuid_of(text, a);
    bool link = str_starts(text, STR("http://")) || str_starts(text, STR("https://"));
    enum status status = uuid.p ? upload_find(w->db, user_id, uuid, a, ret, err)
                                : find_reference(w, user_id, text, a, ret, err);
    *ret_found = status == OK;
    if (status == E_NOT_FOUND && link)
        return OK;
    TRY(status);
    if (upload_is_video(ret->sub_type))
        return err_field(err, "invalid_field", "image_input", "image_input must be an image.");
    return OK;
}

/* ---- references */

int64_t upload_expires_at(const struct upload_record *r)
{
    return r->used_at ? r->used_at + REFERENCE_LIFE_MS : 0;
}

/* It may have been used, or have gone, since it was listed. */
static enum status drop_unused(struct db_conn *tx, const struct upload_record *r, int64_t now_ms,
                               struct arena *a, struct err *err)
{
    struct upload_record again;
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, r->user_id, err));
    TRY(upload_find_reference(tx, r->user_id, r->object_id, STR_NONE, a, &again, err));
    if (upload_expires_at(&again) <= now_ms)
        TRY(release(tx, again.object_id, a, err));
    return db_commit(tx, err);
}

enum status upload_sweep_references(struct db_conn *db, int64_t now_ms, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    struct upload_record unused[SWEEP_BATCH];
    size_t n;
    TRY(upload_list_unused(db, now_ms - REFERENCE_LIFE_MS, a, unused, SWEEP_BATCH, &n, err));
    for (size_t i = 0; i < n; i++) {
        enum status status = drop_unused(db, &unused[i], now_ms, a, err);
        db_rollback(db);
        if (status != OK && status != E_NOT_FOUND)
            return status;
    }
    return OK;
}
