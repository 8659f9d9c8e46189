/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/share.h"

static void one_holder_gets_no_more_than_a_share(void **state)
{
    struct shares s = SHARES_INIT(100, 40);
    struct share *ann = share_hold(&s, 1), *again = share_hold(&s, 1), *bob = share_hold(&s, 65);
    (void)state;
    assert_ptr_equal(ann, again);
    assert_ptr_not_equal(ann, bob); /* of the same bucket */
    assert_true(share_take(ann, 30));
    assert_false(share_take(again, 11));
    assert_true(share_take(again, 10));
    assert_true(share_take(bob, 40));
    assert_int_equal(s.taken, 80);
    share_drop(again);
    assert_false(share_take(ann, 1));
    assert_true(share_take(ann, -40));
    assert_true(share_take(bob, -40));
    share_drop(ann);
    share_drop(bob);
    share_drop(NULL);
    assert_int_equal(s.taken, 0);
    for (size_t i = 0; i < SHARE_BUCKETS; i++)
        assert_null(s.holders[i]);
}

static void all_together_get_no_more_than_there_is(void **state)
{
    struct shares s = SHARES_INIT(100, 60);
    struct share *ann = share_hold(&s, 1), *bob = share_hold(&s, 2);
    (void)state;
    assert_true(share_take(ann, 60));
    assert_false(share_take(bob, 41));
    assert_true(share_take(bob, 40)); /* what was refused counts nowhere */
    assert_false(shares_take(&s, 1));
    assert_true(share_take(ann, -60));
    assert_true(shares_take(&s, 60)); /* nobody's, and so without a bound of its own */
    assert_true(shares_take(&s, -60));
    assert_true(share_take(bob, -40));
    share_drop(ann);
    share_drop(bob);
}

static void a_part_leaves_the_rest(void **state)
{
    struct shares s = SHARES_INIT(100, 60);
    struct share *ann = share_hold(&s, 1), *bob = share_hold(&s, 2);
    (void)state;
    assert_false(share_take_part(ann, 46, 75));
    assert_true(share_take_part(ann, 45, 75));
    assert_false(share_take_part(bob, 31, 75));
    assert_true(share_take_part(bob, 30, 75));
    assert_true(share_take(bob, 25));
    assert_int_equal(s.taken, 100);
    assert_true(share_take(ann, -45) && share_take(bob, -55));
    share_drop(ann);
    share_drop(bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_holder_gets_no_more_than_a_share),
        cmocka_unit_test(a_part_leaves_the_rest),
        cmocka_unit_test(all_together_get_no_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
