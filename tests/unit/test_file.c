/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/crypto.h"
#include "platform/file.h"

static struct arena *arena;
static struct err err;
static char folder[] = "/tmp/kinora-file-XXXXXX";

static char *path_of(const char *name)
{
    return (char *)(uintptr_t)arena_printf(arena, "%s/%s", folder, name).p;
}

static int count_names(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static void folders_are_made_with_their_parents(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(file_make_dirs(path_of("a/b//c/"), 0700, &err), OK);
    assert_int_equal(file_make_dirs(path_of("a/b/c"), 0700, &err), OK);
    assert_int_equal(stat(path_of("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(file_write_atomic(path_of("plain"), STR("x"), 0600, &err), OK);
    assert_int_equal(file_make_dirs(path_of("plain"), 0700, &err), E_IO);
    assert_int_equal(file_make_dirs(path_of("plain/below"), 0700, &err), E_IO);
    assert_int_equal(file_make_dirs("", 0700, &err), E_IO);
}

static void a_file_is_replaced_whole(void **state)
{
    struct str got;
    struct stat st;
    (void)state;
    assert_int_equal(file_make_dirs(path_of("w"), 0700, &err), OK);
    assert_int_equal(file_write_atomic(path_of("w/f"), STR("first, and longer"), 0644, &err), OK);
    assert_int_equal(file_write_atomic(path_of("w/f"), STR("second"), 0640, &err), OK);
    assert_int_equal(file_read(path_of("w/f"), 100, arena, &got, &err), OK);
    assert_true(str_eq(got, STR("second")));
    assert_int_equal(got.p[got.n], '\0');
    assert_int_equal(stat(path_of("w/f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(count_names(path_of("w")), 1);
}

static void a_write_that_fails_leaves_no_litter(void **state)
{
    (void)state;
    assert_int_equal(file_make_dirs(path_of("d/f"), 0700, &err), OK); /* a folder in its place */
    assert_int_equal(file_write_atomic(path_of("d/f"), STR("x"), 0600, &err), E_IO);
    assert_int_equal(count_names(path_of("d")), 1);
    assert_int_equal(file_write_atomic(path_of("none/f"), STR("x"), 0600, &err), E_IO);
}

static void reading_has_a_limit(void **state)
{
    struct str got = STR_NONE;
    (void)state;
    assert_int_equal(file_write_atomic(path_of("ten"), STR("0123456789"), 0600, &err), OK);
    assert_int_equal(file_read(path_of("ten"), 10, arena, &got, &err), OK);
    assert_int_equal(got.n, 10);
    assert_int_equal(file_read(path_of("ten"), 9, arena, &got, &err), E_TOO_LARGE);
    assert_int_equal(file_read("/dev/zero", 100, arena, &got, &err), E_TOO_LARGE);
    assert_int_equal(file_read(path_of("no"), 9, arena, &got, &err), E_NOT_FOUND);
    assert_int_equal(file_read(path_of("ten/no"), 9, arena, &got, &err), E_NOT_FOUND);
    assert_int_equal(file_read(folder, 9, arena, &got, &err), E_IO);
    assert_int_equal(file_read("/proc/self/status", 65536, arena, &got, &err), OK);
    assert_true(got.n > 100);
    assert_int_equal(file_write_atomic(path_of("empty"), STR(""), 0600, &err), OK);
    assert_int_equal(file_read(path_of("empty"), 0, arena, &got, &err), OK);
    assert_true(got.p && got.n == 0);
}

static void a_full_disk_is_told_apart(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    assert_int_equal(file_write_all(fd, STR("x"), &err), E_NO_SPACE);
    close(fd);
    assert_int_equal(file_write_all(-1, STR("x"), &err), E_IO);
}

static void a_folder_is_writable_or_not(void **state)
{
    (void)state;
    assert_int_equal(file_make_dirs(path_of("p"), 0700, &err), OK);
    assert_true(file_dir_writable(path_of("p")));
    assert_int_equal(count_names(path_of("p")), 0);
    assert_false(file_dir_writable(path_of("absent")));
    assert_false(file_dir_writable("/proc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(a_file_is_replaced_whole),
        cmocka_unit_test(a_write_that_fails_leaves_no_litter),
        cmocka_unit_test(reading_has_a_limit),
        cmocka_unit_test(a_full_disk_is_told_apart),
        cmocka_unit_test(a_folder_is_writable_or_not),
    };
    if (!mkdtemp(folder) || crypto_init(&err) != OK)
        return 1;
    arena = arena_new(4 << 20);
    int failed = cmocka_run_group_tests_name("file", tests, NULL, NULL);
    arena_free(arena);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
