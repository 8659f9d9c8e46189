/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
