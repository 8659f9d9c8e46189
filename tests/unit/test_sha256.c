/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "platform/crypto.h"
#include "platform/sha256.h"

enum { BYTES = 300 };

static void fill(char bytes[BYTES])
{
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 37 + i / 7);
}

static void any_split_gives_the_digest_of_the_whole(void **state)
{
    char bytes[BYTES];
    unsigned char whole[SHA256_SIZE], digest[SHA256_SIZE];
    (void)state;
    fill(bytes);
    crypto_sha256((struct str){bytes, BYTES}, whole);
    for (size_t first = 0; first <= BYTES; first++) {
        struct sha256 h;
        sha256_init(&h);
        sha256_update(&h, (struct str){bytes, first});
        sha256_update(&h, STR_NONE);
        struct sha256 copy = h;
        memset(&h, 0xff, sizeof(h));
        sha256_update(&copy, (struct str){bytes + first, BYTES - first});
        sha256_final(&copy, digest);
        assert_memory_equal(digest, whole, SHA256_SIZE);
    }
}

static void more_bytes_than_32_bits_count_are_counted(void **state)
{
    struct sha256 h;
    (void)state;
    sha256_init(&h);
    h.bits = (UINT64_C(1) << 32) - 512; /* as if: no test reads half a gigabyte */
    sha256_update(&h, STR("a block of sixty-four bytes carries the count over its lower half"));
    assert_int_equal(h.bits, (UINT64_C(1) << 32) + 8);
    struct sha256 low = h;
    low.bits = 8;
    unsigned char a[SHA256_SIZE], b[SHA256_SIZE];
    sha256_final(&h, a);
    sha256_final(&low, b);
    assert_memory_not_equal(a, b, SHA256_SIZE);
}

/* Rows of uploads may hold a state that libsodium has written. */
static void a_state_of_libsodium_is_gone_on_with(void **state)
{
    crypto_hash_sha256_state old;
    struct sha256 h;
    char bytes[BYTES];
    unsigned char whole[SHA256_SIZE], digest[SHA256_SIZE];
    (void)state;
    fill(bytes);
    crypto_sha256((struct str){bytes, BYTES}, whole);
    crypto_hash_sha256_init(&old);
    crypto_hash_sha256_update(&old, (const unsigned char *)bytes, 171);
    assert_int_equal(sizeof(old), sizeof(h));
    memcpy(&h, &old, sizeof(h));
    sha256_update(&h, (struct str){bytes + 171, BYTES - 171});
    sha256_final(&h, digest);
    assert_memory_equal(digest, whole, SHA256_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_split_gives_the_digest_of_the_whole),
        cmocka_unit_test(more_bytes_than_32_bits_count_are_counted),
        cmocka_unit_test(a_state_of_libsodium_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
