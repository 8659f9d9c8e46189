/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "platform/child.h"

static const struct child_limits roomy = {.timeout_ms = 10000, .output_bytes = 1 << 20};

static struct arena *arena;
static struct child_result result;
static struct err err;

static enum status shell(const char *script, struct str input, const struct child_limits *limits)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    memset(&err, 0, sizeof(err));
    return child_run(argv, input, limits, arena, &result, &err);
}

static void output_and_exit_code_come_back(void **state)
{
    (void)state;
    assert_int_equal(shell("printf out; printf err >&2; exit 3", STR_NONE, &roomy), OK);
    assert_int_equal(result.exit_code, 3);
    assert_string_equal(result.out.p, "out");
    assert_string_equal(result.err_tail.p, "err");
}

static void input_is_fed_whole(void **state)
{
    static char input[300000];
    (void)state;
    memset(input, 'x', sizeof(input));
    assert_int_equal(shell("cat", (struct str){input, sizeof(input)}, &roomy), OK);
    assert_true(str_eq(result.out, (struct str){input, sizeof(input)}));
    assert_int_equal(shell("exit 0", (struct str){input, sizeof(input)}, &roomy), OK);
    assert_int_equal(shell("cat", STR_NONE, &roomy), OK);
    assert_int_equal(result.out.n, 0);
}

static void a_missing_program_is_not_found(void **state)
{
    const char *const argv[] = {"no-such-program-of-kinora", NULL};
    const char *const path[] = {"/etc/no-such-program", NULL};
    (void)state;
    assert_int_equal(child_run(argv, STR_NONE, &roomy, arena, &result, &err), E_NOT_FOUND);
    assert_string_equal(err.code, "program_missing");
    assert_int_equal(child_run(path, STR_NONE, &roomy, arena, &result, &err), E_NOT_FOUND);
}

static void arguments_are_no_shell(void **state)
{
    const char *const argv[] = {"printf", "%s", "$HOME; `id` 'x'", NULL};
    (void)state;
    assert_int_equal(child_run(argv, STR_NONE, &roomy, arena, &result, &err), OK);
    assert_string_equal(result.out.p, "$HOME; `id` 'x'");
}

static void the_environment_is_path_and_language(void **state)
{
    (void)state;
    setenv("KINORA_SECRET_KEYS", "1:secret", 1);
    assert_int_equal(shell("env | cut -d= -f1 | grep -v -e PWD -e _ -e SHLVL | sort | tr '\\n' ' '",
                           STR_NONE, &roomy),
                     OK);
    unsetenv("KINORA_SECRET_KEYS");
    assert_string_equal(result.out.p, "LANG PATH ");
}

static void no_other_descriptor_is_passed_on(void **state)
{
    (void)state;
    int fd = dup(2); /* without close-on-exec, as a careless library may leave one */
    /* No pipe, whose ends the shell would hold, and not its last command, which it becomes. */
    assert_int_equal(shell("ls /proc/$$/fd; :", STR_NONE, &roomy), OK);
    close(fd);
    assert_string_equal(result.out.p, "0\n1\n2\n");
}

static void the_whole_group_dies_at_the_time_limit(void **state)
{
    struct child_limits limits = roomy;
    char script[200], name[32];
    (void)state;
    limits.timeout_ms = 300;
    snprintf(name, sizeof(name), "31.%d", (int)getpid());
    snprintf(script, sizeof(script), "sleep %s & sleep %s", name, name);
    int64_t begin = clock_mono_ms();
    assert_int_equal(shell(script, STR_NONE, &limits), E_TIMEOUT);
    assert_true(clock_mono_ms() - begin < 20000);
    snprintf(
        script, sizeof(script),
        "sleep 0.1; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'sleep %.4s[%c]%s'",
        name, name[4], name + 5);
    assert_int_equal(shell(script, STR_NONE, &roomy), OK);
    assert_string_equal(result.out.p, "0\n");
}

static void *cancel_soon(void *flag)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000000L};
    nanosleep(&pause, NULL);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

static void who_is_not_wanted_any_more_is_killed(void **state)
{
    atomic_bool cancelled = false;
    struct child_limits limits = roomy;
    pthread_t thread;
    (void)state;
    limits.timeout_ms = 60000;
    limits.cancelled = &cancelled;
    pthread_create(&thread, NULL, cancel_soon, &cancelled);
    int64_t begin = clock_mono_ms();
    assert_int_equal(shell("sleep 60", STR_NONE, &limits), E_UNAVAILABLE);
    assert_string_equal(err.code, "cancelled");
    assert_true(clock_mono_ms() - begin < 200000);
    pthread_join(thread, NULL);
}

static void a_helper_left_behind_does_not_hold_us(void **state)
{
    (void)state;
    int64_t begin = clock_mono_ms();
    assert_int_equal(shell("sleep 30 & echo done", STR_NONE, &roomy), OK);
    assert_true(clock_mono_ms() - begin < 20000);
    assert_string_equal(result.out.p, "done\n");
}

static void too_much_output_is_refused(void **state)
{
    struct child_limits limits = roomy;
    (void)state;
    limits.output_bytes = 1000;
    assert_int_equal(shell("yes", STR_NONE, &limits), E_TOO_LARGE);
}

static void only_the_tail_of_errors_is_kept(void **state)
{
    (void)state;
    assert_int_equal(
        shell("i=0; while [ $i -lt 2000 ]; do echo line$i; i=$((i+1)); done >&2", STR_NONE, &roomy),
        OK);
    assert_int_equal(result.err_tail.n, 2048);
    assert_true(str_ends(result.err_tail, STR("line1999\n")));
}

static void memory_and_time_are_limited(void **state)
{
    struct child_limits limits = roomy;
    (void)state;
    limits.memory_bytes = 64 << 20;
    assert_int_equal(
        shell("head -c 300000000 /dev/zero | tail -c 290000000 | wc -c", STR_NONE, &limits), OK);
    assert_string_not_equal(result.out.p, "290000000\n");
    limits = roomy;
    limits.cpu_seconds = 1;
    assert_int_equal(shell("while :; do :; done", STR_NONE, &limits), OK);
    assert_true(result.exit_code > 128);
}

static void a_crash_is_told_by_its_signal(void **state)
{
    (void)state;
    assert_int_equal(shell("kill -SEGV $$", STR_NONE, &roomy), OK);
    assert_int_equal(result.exit_code, 128 + SIGSEGV);
}

static void signals_are_as_a_program_expects_them(void **state)
{
    (void)state;
    sighandler_t before = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(shell("grep -E 'Sig(Ign|Blk)' /proc/self/status | cut -f2 | tr '\\n' ' '",
                           STR_NONE, &roomy),
                     OK);
    signal(SIGPIPE, before);
    unsigned long long blocked = 1, ignored = 1;
    assert_int_equal(sscanf(result.out.p, "%llx %llx", &blocked, &ignored), 2);
    assert_int_equal(blocked, 0);
    /* Not 32 and 33, the C library's own: whatever was started by posix_spawn(), as make does,
     * ignores them, and no program can tell. */
    assert_int_equal(ignored & ~(3ULL << 31), 0);
}

static void *run_some(void *ctx)
{
    struct arena *own = arena_new(1 << 20);
    (void)ctx;
    for (int i = 0; i < 20; i++) {
        const char *const argv[] = {"echo", "hello", NULL};
        struct child_result got;
        if (child_run(argv, STR_NONE, &roomy, own, &got, NULL) != OK ||
            !str_eq(got.out, STR("hello\n")))
            abort();
        free(malloc(1000));
    }
    arena_free(own);
    return NULL;
}

static void many_threads_run_children(void **state)
{
    pthread_t threads[8];
    (void)state;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_some, NULL), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_exit_code_come_back),
        cmocka_unit_test(input_is_fed_whole),
        cmocka_unit_test(a_missing_program_is_not_found),
        cmocka_unit_test(arguments_are_no_shell),
        cmocka_unit_test(the_environment_is_path_and_language),
        cmocka_unit_test(no_other_descriptor_is_passed_on),
        cmocka_unit_test(the_whole_group_dies_at_the_time_limit),
        cmocka_unit_test(who_is_not_wanted_any_more_is_killed),
        cmocka_unit_test(a_helper_left_behind_does_not_hold_us),
        cmocka_unit_test(too_much_output_is_refused),
        cmocka_unit_test(only_the_tail_of_errors_is_kept),
        cmocka_unit_test(memory_and_time_are_limited),
        cmocka_unit_test(a_crash_is_told_by_its_signal),
        cmocka_unit_test(signals_are_as_a_program_expects_them),
        cmocka_unit_test(many_threads_run_children),
    };
    arena = arena_new(64 << 20);
    int failed = cmocka_run_group_tests_name("child", tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
