/* SPDX-License-Identifier: Apache-2.0 */
/* What users have uploaded: rows, figures, tiers, names, and how long references stay. */
#include "service/upload_shelf.h"

#include "service/quota.h"
#include "service/upload_rules.h"
#include "site.h"
#include "store/objects.h"

struct shelf {
    struct site site;
    int64_t ann, bob;
};

static void shelf_open(struct shelf *s, struct engine *e)
{
    site_open(&s->site, e);
    s->ann = site_add_user(&s->site, "ann@example.com", ROLE_USER).id;
    s->bob = site_add_user(&s->site, "bob@example.com", ROLE_USER).id;
}

static void change(struct shelf *s, const char *text)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    ok(json_parse(str_of(text), &doc, err));
    ok(settings_change(&s->site.app, s->site.db, &site_actor, json_root(doc), err));
}

static void lock(struct shelf *s, int64_t user_id)
{
    ok(db_begin(s->site.db, err));
    ok(quota_lock_user(s->site.db, user_id, err));
}

static struct object object_of(struct shelf *s, int64_t user_id, enum upload_sub_type t)
{
    static int count;
    const char *folder = t == UPLOAD_REFERENCE ? "reference/u" : "uploads/u";
    return (struct object){.user_id = user_id,
                           .counter = upload_counter(t),
                           .storage = STORAGE_LOCAL,
                           .key = arena_printf(s->site.a, "%s/%d", folder, ++count),
                           .type = upload_is_video(t) ? STR("video/mp4") : STR("image/png"),
                           .checksum = STR("00")};
}

static enum status reserve(struct shelf *s, struct object *o, int64_t bytes, struct err *err)
{
    lock(s, o->user_id);
    enum status status = quota_reserve(&s->site.app, s->site.db, o, bytes, err);
    if (status == OK)
        return db_commit(s->site.db, err);
    db_rollback(s->site.db);
    return status;
}

/* As the receiving side does it; the UUID, empty for a reference. */
static struct str finish(struct shelf *s, struct object *o, enum upload_sub_type t, int64_t bytes)
{
    char uuid[UUID_SIZE];
    struct upload_record r = {.user_id = o->user_id,
                              .sub_type = t,
                              .object_id = o->id,
                              .width = 64,
                              .height = 48,
                              .duration_ms = upload_is_video(t) ? 1500 : 0,
                              .created_at = clock_wall_ms()};
    o->size = bytes;
    lock(s, o->user_id);
    ok(quota_settle(s->site.db, o, err));
    ok(upload_rows_insert(s->site.db, &r, uuid, err));
    ok(db_commit(s->site.db, err));
    return arena_str(s->site.a, str_of(uuid));
}

static struct str put_one(struct shelf *s, int64_t user_id, enum upload_sub_type t, int64_t bytes)
{
    struct object o = object_of(s, user_id, t);
    ok(reserve(s, &o, bytes, err));
    return finish(s, &o, t, bytes);
}

static struct upload_summary sum_of(struct shelf *s, int64_t user_id)
{
    struct upload_summary sum;
    ok(upload_summarize(&s->site.app, s->site.db, user_id, &sum, err));
    return sum;
}

ON_EVERY_ENGINE(each_kind_has_its_rows)
{
    struct shelf s;
    struct upload_record r, *list;
    struct err why;
    size_t n;
    int64_t total;
    shelf_open(&s, e);
    struct str image = put_one(&s, s.ann, UPLOAD_OC_GALLERY, 10);
    struct str video = put_one(&s, s.ann, UPLOAD_OC_GALLERY_VIDEO, 20);
    assert_int_equal(put_one(&s, s.ann, UPLOAD_REFERENCE, 30).n, 0);

    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM generations WHERE "
                                         "type = 'user_upload'"),
                     2);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM generation_images WHERE "
                                         "sub_type = 'oc-gallery'"),
                     1);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM generation_videos WHERE "
                                         "sub_type = 'oc-gallery-video'"),
                     1);
    ok(upload_find(s.site.db, s.ann, video, s.site.a, &r, err));
    assert_int_equal(r.duration_ms, 1500);
    assert_int_equal(r.width, 64);
    assert_refused(upload_find(s.site.db, s.bob, image, s.site.a, &r, err), E_NOT_FOUND,
                   "upload_not_found");

    ok(upload_list(s.site.db, s.ann, UPLOAD_SUB_TYPES, 1, 0, s.site.a, &list, &n, &total, err));
    assert_int_equal(n, 1);
    assert_int_equal(total, 2);
    assert_true(str_eq(list[0].uuid, video));
    ok(upload_list(s.site.db, s.ann, UPLOAD_REFERENCE, 9, 0, s.site.a, &list, &n, &total, err));
    assert_int_equal(total, 1);
    assert_int_equal(list[0].uuid.n, 0);
    assert_int_equal(upload_expires_at(&list[0]), list[0].used_at + 30 * CLOCK_DAY_MS);
    site_close(&s.site);
}

ON_EVERY_ENGINE(only_three_kinds_count)
{
    struct shelf s;
    struct err why;
    shelf_open(&s, e);
    change(&s, "{\"upload_quota_enabled\":true,\"upload_quota_bytes\":1000,"
               "\"upload_extra_sub_types\":[\"scene\"]}");
    put_one(&s, s.ann, UPLOAD_OC_AVATAR, 100);
    put_one(&s, s.ann, UPLOAD_OC_GALLERY, 200);
    struct str video = put_one(&s, s.ann, UPLOAD_OC_GALLERY_VIDEO, 300);
    for (enum upload_sub_type t = 0; t < UPLOAD_SUB_TYPES; t++) {
        if (upload_counter(t) == COUNTER_FREE)
            put_one(&s, s.ann, t, 5000);
    }
    struct upload_summary sum = sum_of(&s, s.ann);
    assert_int_equal(sum.used, 600);
    assert_int_equal(sum.limit, 1000);
    assert_int_equal(sum.left, 400);
    assert_int_equal(sum.sums[UPLOAD_USER_AVATAR].bytes, 5000);
    assert_true(sum.allowed[UPLOAD_SCENE]);
    assert_false(sum.allowed[UPLOAD_OTHER]);

    struct object large = object_of(&s, s.ann, UPLOAD_OC_AVATAR);
    assert_refused(reserve(&s, &large, 401, err), E_TOO_LARGE, "upload_quota_exceeded");
    put_one(&s, s.bob, UPLOAD_OC_AVATAR, 401);
    put_one(&s, s.ann, UPLOAD_OC_AVATAR, 400);
    ok(upload_remove(&s.site.worker, s.ann, video, err));
    assert_int_equal(sum_of(&s, s.ann).left, 300);
    change(&s, "{\"upload_quota_enabled\":false}");
    put_one(&s, s.ann, UPLOAD_OC_AVATAR, 5000);
    site_close(&s.site);
}

ON_EVERY_ENGINE(the_closest_rule_wins)
{
    struct shelf s;
    struct upload_limits limits;
    struct err why;
    shelf_open(&s, e);
    change(&s, "{\"upload_rules\":[{\"sub_type\":\"oc-avatar\",\"max_bytes\":1,\"max_pixels\":2},"
               "{\"group_id\":1,\"max_bytes\":3,\"quota_bytes\":4},"
               "{\"group_id\":1,\"sub_type\":\"oc-avatar\",\"max_bytes\":5},"
               "{\"group_id\":2,\"quota_bytes\":0}]}");
    const struct settings *now = settings_hold(&s.site.app);
    limits = upload_limits_of(&now->uploads, 1, UPLOAD_OC_AVATAR);
    assert_int_equal(limits.bytes, 5);
    assert_int_equal(limits.pixels, 2);
    assert_int_equal(upload_limits_of(&now->uploads, 1, UPLOAD_OC_GALLERY_VIDEO).bytes, 3);
    assert_int_equal(upload_limits_of(&now->uploads, 9, UPLOAD_OC_AVATAR).bytes, 1);
    limits = upload_limits_of(&now->uploads, 9, UPLOAD_OC_GALLERY);
    assert_int_equal(limits.bytes, 10 << 20);
    assert_int_equal(limits.pixels, 50000000);
    assert_int_equal(upload_limits_of(&now->uploads, 9, UPLOAD_OC_GALLERY_VIDEO).bytes, 200 << 20);
    assert_int_equal(upload_quota_of(&now->uploads, 1), 4);
    assert_int_equal(upload_quota_of(&now->uploads, 2), 0);
    assert_int_equal(upload_quota_of(&now->uploads, 3), 1 << 30);
    settings_drop(now);

    ok(upload_rules_limits(&s.site.app, s.site.db, s.ann, UPLOAD_OC_GALLERY, &limits, err));
    assert_int_equal(limits.bytes, 3);
    assert_refused(upload_rules_limits(&s.site.app, s.site.db, s.ann, UPLOAD_OTHER, &limits, err),
                   E_FORBIDDEN, "upload_sub_type_off");
    change(&s, "{\"upload_extra_sub_types\":[\"other\"]}");
    ok(upload_rules_limits(&s.site.app, s.site.db, s.ann, UPLOAD_OTHER, &limits, err));
    site_close(&s.site);
}

static enum status resolve(struct shelf *s, enum upload_sub_type t, struct str value,
                           struct err *err)
{
    struct upload_record r;
    return upload_resolve(s->site.db, s->ann, t, "value", value, s->site.a, &r, err);
}

ON_EVERY_ENGINE(uuid_or_url)
{
    struct shelf s;
    struct err why;
    struct str url = STR("https://example.org/a.png");
    shelf_open(&s, e);
    struct str image = put_one(&s, s.ann, UPLOAD_OC_GALLERY, 1);
    struct str video = put_one(&s, s.ann, UPLOAD_OC_GALLERY_VIDEO, 1);
    struct str hers = put_one(&s, s.bob, UPLOAD_OC_GALLERY, 1);
    const enum upload_sub_type either[] = {UPLOAD_USER_AVATAR, UPLOAD_USER_BACKGROUND,
                                           UPLOAD_WORLD_BACKGROUND};
    const enum upload_sub_type only_uuid[] = {UPLOAD_OC_AVATAR, UPLOAD_OC_GALLERY,
                                              UPLOAD_OC_GALLERY_VIDEO};
    for (size_t i = 0; i < 3; i++) {
        ok(resolve(&s, either[i], url, err));
        ok(resolve(&s, either[i], image, err));
        assert_refused(resolve(&s, either[i], STR("ftp://example.org/a"), err), E_INVALID,
                       "invalid_field");
        assert_refused(resolve(&s, either[i], hers, err), E_NOT_FOUND, "upload_not_found");
        assert_refused(resolve(&s, either[i], video, err), E_INVALID, "invalid_field");
        assert_refused(resolve(&s, only_uuid[i], url, err), E_INVALID, "invalid_field");
        assert_string_equal(why.field, "value");
    }
    ok(resolve(&s, UPLOAD_OC_GALLERY_VIDEO, video, err));
    assert_refused(resolve(&s, UPLOAD_OC_GALLERY_VIDEO, image, err), E_INVALID, "invalid_field");
    site_close(&s.site);
}

ON_EVERY_ENGINE(unused_references_go)
{
    struct shelf s;
    int64_t now = clock_wall_ms();
    shelf_open(&s, e);
    put_one(&s, s.ann, UPLOAD_REFERENCE, 10);
    put_one(&s, s.ann, UPLOAD_REFERENCE, 20);
    put_one(&s, s.ann, UPLOAD_OC_GALLERY, 30);
    ok(upload_sweep_references(s.site.db, now + 29 * CLOCK_DAY_MS, err));
    assert_int_equal(sum_of(&s, s.ann).sums[UPLOAD_REFERENCE].files, 2);
    ok(db_begin(s.site.db, err));
    ok(db_exec(s.site.db, "UPDATE objects SET used_at = used_at + 86400000 WHERE size = 20",
               DB_NO_ARGS, NULL, err));
    ok(db_commit(s.site.db, err));

    ok(upload_sweep_references(s.site.db, clock_wall_ms() + 30 * CLOCK_DAY_MS + 1, err));
    assert_int_equal(sum_of(&s, s.ann).sums[UPLOAD_REFERENCE].bytes, 20);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM deletions"), 1);
    ok(upload_sweep_references(s.site.db, clock_wall_ms() + 32 * CLOCK_DAY_MS, err));
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM deletions"), 2);
    assert_int_equal(sum_of(&s, s.ann).sums[UPLOAD_OC_GALLERY].files, 1);
    site_close(&s.site);
}

ON_EVERY_ENGINE(what_goes_leaves_nothing)
{
    struct shelf s;
    struct err why;
    struct user user;
    shelf_open(&s, e);
    struct str uuid = put_one(&s, s.ann, UPLOAD_USER_AVATAR, 10);
    struct picture_form form = {.set_avatar = true, .avatar = uuid};
    ok(people_set_pictures(s.site.db, s.ann, &form, s.site.a, &user, err));
    assert_true(str_eq(user.avatar, uuid));
    assert_refused(people_set_pictures(s.site.db, s.bob, &form, s.site.a, &user, err), E_NOT_FOUND,
                   "upload_not_found");
    assert_refused(upload_remove(&s.site.worker, s.bob, uuid, err), E_NOT_FOUND,
                   "upload_not_found");
    ok(upload_remove(&s.site.worker, s.ann, uuid, err));
    ok(users_find(s.site.db, s.ann, s.site.a, &user, err));
    assert_null(user.avatar.p);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM generations"), 0);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM generation_images"), 0);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM objects"), 0);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM deletions"), 1);
    assert_refused(upload_remove(&s.site.worker, s.ann, uuid, err), E_NOT_FOUND,
                   "upload_not_found");
    site_close(&s.site);
}

int main(void)
{
    crypto_init(NULL);
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[UP-3] an upload has its row and an image's or a video's; a reference has none",
                   each_kind_has_its_rows),
        EVERYWHERE("[UP-6] portraits, galleries and videos count, the rest does not",
                   only_three_kinds_count),
        EVERYWHERE("[UP-6] limits are a tier's and a sub-type's, the closest rule wins",
                   the_closest_rule_wins),
        EVERYWHERE("[UP-3] OC sub-types take one's own UUIDs, pictures and backgrounds URLs too",
                   uuid_or_url),
        EVERYWHERE("[UP-2] a reference goes 30 days after its last use", unused_references_go),
        EVERYWHERE("[UP-4] deleting takes the rows, the object and the picture that it was",
                   what_goes_leaves_nothing),
    };
    return cmocka_run_group_tests_name("upload_shelf", tests, NULL, NULL);
}
