/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdalign.h>

#include "base/arena.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    struct arena *a = arena_new(1 << 20);
    (void)state;
    for (size_t size = 0; size < 300; size++) {
        unsigned char *p = arena_alloc(a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    arena_reset(a);
    unsigned char *again = arena_alloc(a, 4000);
    for (size_t i = 0; i < 4000; i++)
        assert_int_equal(again[i], 0);
    arena_free(a);
    arena_free(NULL);
}

static void the_cap_holds(void **state)
{
    struct arena *a = arena_new(100);
    (void)state;
    assert_null(arena_alloc(a, 101));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_non_null(arena_alloc(a, 60));
    assert_null(arena_alloc(a, 41));
    assert_non_null(arena_alloc(a, 40));
    assert_int_equal(arena_used(a), 100);
    assert_null(arena_alloc(a, 0));
    assert_null(arena_str(a, STR("x")).p);
    assert_null(arena_printf(a, "%d", 5).p);
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    assert_non_null(arena_alloc(a, 100));
    arena_free(a);
}

static void even_nothing_takes_room(void **state)
{
    struct arena *a = arena_new(1000);
    size_t n = 0;
    (void)state;
    while (arena_alloc(a, 0) && n < 5000)
        n++;
    assert_int_equal(n, 1000);
    arena_free(a);
}

static void large_pieces_get_blocks_of_their_own(void **state)
{
    struct arena *a = arena_new(1 << 24);
    (void)state;
    for (int i = 0; i < 10; i++) {
        char *large = arena_alloc(a, 100000), *small = arena_alloc(a, 10);
        assert_non_null(large);
        assert_non_null(small);
        large[99999] = small[9] = 'x';
    }
    arena_reset(a);
    assert_non_null(arena_alloc(a, 1));
    arena_free(a);
}

static void strings_are_copied_with_an_end(void **state)
{
    struct arena *a = arena_new(1000);
    (void)state;
    struct str s = arena_str(a, STR("ab\0c"));
    assert_int_equal(s.n, 4);
    assert_int_equal(s.p[4], '\0');
    assert_string_equal(arena_strz(a, STR("xyz")), "xyz");
    assert_string_equal(arena_printf(a, "%s-%03d", "n", 7).p, "n-007");
    assert_non_null(arena_str(a, STR_NONE).p);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(the_cap_holds),
        cmocka_unit_test(even_nothing_takes_room),
        cmocka_unit_test(large_pieces_get_blocks_of_their_own),
        cmocka_unit_test(strings_are_copied_with_an_end),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
