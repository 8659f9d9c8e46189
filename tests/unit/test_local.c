/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "media/local.h"
#include "platform/crypto.h"

static struct err err;
static char folder[] = "/tmp/kinora-local-XXXXXX";

static void a_data_folder_named_by_a_relative_path_gives_absolute_ones(void **state)
{
    struct local_store *store = NULL;
    struct local_writer *writer = NULL;
    char path[2048];
    (void)state;
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(local_open("some/data", &store, &err), OK);
    assert_int_equal(local_create(store, STR("sora/1/a.mp4"), &writer, &err), OK);
    assert_int_equal(local_write(writer, STR("video"), &err), OK);
    assert_int_equal(local_finish(writer, &err), OK);

    assert_int_equal(chdir("/"), 0);
    local_path(store, STR("sora/1/a.mp4"), path, sizeof(path));
    assert_int_equal(path[0], '/');
    assert_int_equal(access(path, R_OK), 0);
    assert_int_equal(local_remove(store, STR("sora/1/a.mp4"), &err), OK);
    assert_int_equal(access(path, F_OK), -1);
    local_close(store);
}

static void a_key_that_leaves_the_folder_has_no_path(void **state)
{
    struct local_store *store = NULL;
    char path[2048] = "unchanged";
    (void)state;
    assert_int_equal(local_open(folder, &store, &err), OK);
    local_path(store, STR("sora/../../secret.keys"), path, sizeof(path));
    assert_string_equal(path, "");
    local_close(store);
}

enum { CHURNERS = 8, CHURNS = 200 };

struct churner {
    struct local_store *store;
    int number;
    enum status worst;
};

static void *make_and_remove(void *ctx)
{
    struct churner *c = ctx;
    for (int i = 0; c->worst == OK && i < CHURNS; i++) {
        struct local_writer *writer;
        struct err why;
        char key[64];
        snprintf(key, sizeof(key), "sora/7/2026/11/22/%d-%d.png", c->number, i);
        c->worst = local_create(c->store, str_of(key), &writer, &why);
        if (c->worst == OK)
            c->worst = local_finish(writer, &why);
        if (c->worst == OK)
            c->worst = local_remove(c->store, str_of(key), &why);
    }
    return NULL;
}

/* Each removal takes the folders away that the next file has just been promised. */
static void files_are_made_while_others_empty_their_folder(void **state)
{
    struct local_store *store = NULL;
    struct churner all[CHURNERS];
    pthread_t threads[CHURNERS];
    (void)state;
    assert_int_equal(local_open(folder, &store, &err), OK);
    for (int i = 0; i < CHURNERS; i++) {
        all[i] = (struct churner){.store = store, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, make_and_remove, &all[i]), 0);
    }
    for (int i = 0; i < CHURNERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < CHURNERS; i++)
        assert_int_equal(all[i].worst, OK);
    local_close(store);
}

/* ---- all files, in order */

enum { MANY = 9000 };

struct seen {
    size_t count;
    char last[512];
};

static enum status see(void *ctx, const struct local_file *file, struct err *e)
{
    struct seen *seen = ctx;
    (void)e;
    assert_true(str_cmp(str_of(seen->last), file->key) < 0);
    assert_int_equal(file->size, 1);
    assert_true(file->modified_ms > 0);
    snprintf(seen->last, sizeof(seen->last), "%.*s", STR_ARG(file->key));
    seen->count++;
    return OK;
}

static void put(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputc('x', f), 'x');
    assert_int_equal(fclose(f), 0);
}

static void files_come_in_the_order_of_their_keys(void **state)
{
    static const char *const others[] = {"a-b", "a.b", "a/b", "a0"};
    struct local_store *store = NULL;
    struct seen seen = {0};
    char path[512];
    (void)state;
    assert_int_equal(local_open(folder, &store, &err), OK);
    snprintf(path, sizeof(path), "mkdir -p %s/media/many %s/media/a %s/media/empty", folder, folder,
             folder);
    assert_int_equal(system(path), 0);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "%s/media/many/f%zu", folder, i * 7919 % MANY);
        put(path);
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        snprintf(path, sizeof(path), "%s/media/%s", folder, others[i]);
        put(path);
    }
    assert_int_equal(local_each(store, see, &seen, &err), OK);
    assert_int_equal(seen.count, MANY + ARRAY_SIZE(others));
    local_close(store);
}

/* ---- gone on with */

static void assert_holds(const char *path, const char *text)
{
    char have[16] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(have, 1, sizeof(have) - 1, file), strlen(text));
    fclose(file);
    assert_string_equal(have, text);
}

static struct local_writer *reopened(struct local_store *store, int64_t size)
{
    struct local_writer *writer = NULL;
    assert_int_equal(local_reopen(store, STR("uploads/a.png"), &writer, &err), OK);
    assert_int_equal(local_lock(writer, &err), OK);
    assert_int_equal(local_cut(writer, size, &err), OK);
    return writer;
}

static void a_file_that_is_gone_on_with_has_what_was_kept_and_then_what_comes(void **state)
{
    struct local_store *store = NULL;
    char path[2048];
    (void)state;
    assert_int_equal(local_open(folder, &store, &err), OK);
    struct local_writer *first = reopened(store, 0);
    assert_int_equal(local_write(first, STR("abcdef"), &err), OK);
    assert_int_equal(local_sync(first, &err), OK);
    local_unlock(first);

    struct local_writer *second = reopened(store, 4);
    assert_int_equal(local_write(second, STR("XY"), &err), OK);
    local_leave(second);
    local_path(store, STR("uploads/a.png"), path, sizeof(path));
    assert_holds(path, "abcdXY");

    assert_int_equal(local_cut(first, 7, &err), E_GONE);
    assert_string_equal(err.code, "upload_lost");
    local_abandon(first);
    assert_int_equal(access(path, F_OK), -1);
    local_close(store);
}

/* ---- in the place of another */

static void a_file_that_is_replaced_stays_until_the_new_one_is_whole(void **state)
{
    static const char *const endings[] = {"old", "new"};
    struct local_store *store = NULL;
    char path[2048], beside[2048];
    (void)state;
    assert_int_equal(local_open(folder, &store, &err), OK);
    local_path(store, STR("sora/7/a.png"), path, sizeof(path));
    local_path(store, STR("sora/7/b.png"), beside, sizeof(beside));
    for (size_t finished = 0; finished < ARRAY_SIZE(endings); finished++) {
        struct local_writer *writer = NULL;
        if (!finished) {
            assert_int_equal(local_create(store, STR("sora/7/a.png"), &writer, &err), OK);
            assert_int_equal(local_write(writer, STR("old"), &err), OK);
            assert_int_equal(local_finish(writer, &err), OK);
        }
        assert_int_equal(local_replace(store, STR("sora/7/a.png"), &writer, &err), OK);
        assert_int_equal(local_write(writer, STR("new"), &err), OK);
        assert_holds(path, "old");
        if (finished)
            assert_int_equal(local_finish(writer, &err), OK);
        else
            local_abandon(writer);
        assert_holds(path, endings[finished]);
    }
    struct local_writer *first = NULL;
    assert_int_equal(local_replace(store, STR("sora/7/b.png"), &first, &err), OK);
    assert_int_equal(local_write(first, STR("there was none"), &err), OK);
    assert_int_equal(access(beside, F_OK), -1);
    assert_int_equal(local_finish(first, &err), OK);
    assert_holds(beside, "there was none");
    assert_int_equal(local_replace(store, STR("sora/../x"), &first, &err), E_INTERNAL);
    /* Nothing is left beside them. */
    assert_int_equal(local_remove(store, STR("sora/7/a.png"), &err), OK);
    assert_int_equal(local_remove(store, STR("sora/7/b.png"), &err), OK);
    *strrchr(path, '/') = '\0';
    assert_int_equal(access(path, F_OK), -1);
    local_close(store);
}

static int set_up(void **state)
{
    (void)state;
    return crypto_init(&err) == OK && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_data_folder_named_by_a_relative_path_gives_absolute_ones),
        cmocka_unit_test(files_are_made_while_others_empty_their_folder),
        cmocka_unit_test(a_key_that_leaves_the_folder_has_no_path),
        cmocka_unit_test(files_come_in_the_order_of_their_keys),
        cmocka_unit_test(a_file_that_is_gone_on_with_has_what_was_kept_and_then_what_comes),
        cmocka_unit_test(a_file_that_is_replaced_stays_until_the_new_one_is_whole),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
