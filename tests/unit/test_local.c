/* SPDX-License-Identifier: Apache-2.0 */
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
        cmocka_unit_test(a_key_that_leaves_the_folder_has_no_path),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
