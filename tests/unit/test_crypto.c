/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hex.h"
#include "platform/crypto.h"
#include "platform/file.h"

static struct arena *arena;
static struct err err;
static char folder[] = "/tmp/kinora-crypto-XXXXXX";

static const char *path_of(const char *name)
{
    static _Thread_local char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void assert_digest(const unsigned char digest[SHA256_SIZE], const char *expected)
{
    char text[2 * SHA256_SIZE + 1];
    hex_encode(digest, SHA256_SIZE, text);
    assert_string_equal(text, expected);
}

/* FIPS 180-4's example. */
static void sha256_is_the_standard_one(void **state)
{
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    unsigned char digest[SHA256_SIZE];
    (void)state;
    crypto_sha256(STR("abc"), digest);
    assert_digest(digest, abc);
    crypto_sha256(STR_NONE, digest);
    assert_digest(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, test cases 2 and 6. */
static void hmac_is_the_standard_one(void **state)
{
    unsigned char digest[SHA256_SIZE];
    char key[131];
    (void)state;
    crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), digest);
    assert_digest(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    crypto_hmac_sha256((struct str){key, sizeof(key)},
                       STR("Test Using Larger Than Block-Size Key - Hash Key First"), digest);
    assert_digest(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void a_uuid_is_version_4_and_new(void **state)
{
    char one[UUID_SIZE], two[UUID_SIZE];
    (void)state;
    crypto_uuid(one);
    crypto_uuid(two);
    assert_int_equal(strlen(one), 36);
    assert_string_not_equal(one, two);
    assert_true(one[8] == '-' && one[13] == '-' && one[18] == '-' && one[23] == '-');
    assert_int_equal(one[14], '4');
    assert_non_null(strchr("89ab", one[19]));
}

static void random_text_fits_an_address(void **state)
{
    char text[45];
    (void)state;
    for (int i = 0; i < 50; i++) {
        crypto_random_text(32, text);
        assert_int_equal(strlen(text), 43);
        assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
                         43);
    }
}

static void passwords_are_argon2id(void **state)
{
    char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];
    (void)state;
    assert_int_equal(crypto_password_hash(STR("correct horse"), one, &err), OK);
    assert_int_equal(crypto_password_hash(STR("correct horse"), two, &err), OK);
    assert_string_not_equal(one, two);
    assert_int_equal(strncmp(one, "$argon2id$v=19$m=65536,t=3,p=1$", 31), 0);
    assert_true(crypto_password_check(STR("correct horse"), one));
    assert_false(crypto_password_check(STR("correct horsf"), one));
    assert_false(crypto_password_check(STR(""), one));
    assert_false(crypto_password_check(STR("x"), ""));
    assert_false(crypto_password_check(STR("x"), "not a hash"));
}

static void *check_password(void *hash)
{
    if (!crypto_password_check(STR("storm"), hash))
        abort();
    return NULL;
}

static void a_storm_of_sign_ins_is_served(void **state)
{
    char hash[PASSWORD_HASH_SIZE];
    pthread_t threads[12];
    (void)state;
    assert_int_equal(crypto_password_hash(STR("storm"), hash, &err), OK);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_password, hash), 0);
    for (size_t i = 0; i < 12; i++)
        pthread_join(threads[i], NULL);
}

static void sealed_secrets_open_in_their_context_only(void **state)
{
    struct key_ring *ring = NULL;
    struct str opened;
    (void)state;
    assert_int_equal(key_ring_load(path_of("keys"), &ring, &err), OK);
    struct str sealed = key_ring_seal(ring, arena, STR("account:1"), STR("sk-secret"));
    assert_true(str_starts(sealed, STR("k1.")));
    assert_true(str_find(sealed, STR("secret")) < 0);
    assert_int_equal(key_ring_open(ring, arena, STR("account:1"), sealed, &opened, &err), OK);
    assert_true(str_eq(opened, STR("sk-secret")));
    assert_int_equal(key_ring_open(ring, arena, STR("account:2"), sealed, &opened, &err),
                     E_INTERNAL);
    assert_string_equal(err.code, "secret_unreadable");

    sealed = key_ring_seal(ring, arena, STR(""), STR(""));
    assert_int_equal(key_ring_open(ring, arena, STR(""), sealed, &opened, &err), OK);
    assert_int_equal(opened.n, 0);
    key_ring_free(ring);
}

static void a_changed_text_does_not_open(void **state)
{
    struct key_ring *ring = NULL;
    struct str opened;
    (void)state;
    assert_int_equal(key_ring_load(path_of("keys"), &ring, &err), OK);
    struct str sealed = key_ring_seal(ring, arena, STR("c"), STR("secret"));
    for (size_t i = 0; i < sealed.n; i++) {
        char *copy = arena_strz(arena, sealed);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        assert_int_equal(key_ring_open(ring, arena, STR("c"), str_of(copy), &opened, &err),
                         E_INTERNAL);
        assert_int_equal(key_ring_open(ring, arena, STR("c"), str_to(sealed, i), &opened, &err),
                         E_INTERNAL);
    }
    assert_int_equal(key_ring_open(ring, arena, STR("c"), STR("k9.AAAA"), &opened, &err),
                     E_INTERNAL);
    key_ring_free(ring);
}

static void the_key_file_is_made_once_and_for_its_owner(void **state)
{
    struct key_ring *one = NULL, *two = NULL;
    struct str opened;
    struct stat st;
    (void)state;
    const char *path = path_of("fresh");
    assert_int_equal(key_ring_load(path, &one, &err), OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(key_ring_load(path, &two, &err), OK);
    struct str sealed = key_ring_seal(one, arena, STR("c"), STR("s"));
    assert_int_equal(key_ring_open(two, arena, STR("c"), sealed, &opened, &err), OK);
    key_ring_free(one);
    key_ring_free(two);

    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(key_ring_load(path, &one, &err), E_FORBIDDEN);
    assert_non_null(strstr(err.text, "chmod 600"));
    assert_non_null(strstr(err.text, path));
}

static void *load_keys(void *ctx)
{
    struct key_ring *ring;
    unsigned char *out = ctx;
    if (key_ring_load(path_of("race"), &ring, NULL) != OK)
        abort();
    key_ring_derive(ring, "test", out);
    key_ring_free(ring);
    return NULL;
}

static void of_two_first_starts_both_get_one_key(void **state)
{
    unsigned char keys[8][32];
    pthread_t threads[8];
    (void)state;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_keys, keys[i]), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 1; i < 8; i++)
        assert_memory_equal(keys[0], keys[i], 32);
}

static enum status load_text(const char *text, struct key_ring **ret)
{
    const char *path = path_of("given");
    assert_int_equal(file_write_atomic(path, str_of(text), 0600, &err), OK);
    return key_ring_load(path, ret, &err);
}

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static void keys_rotate(void **state)
{
    struct key_ring *old = NULL, *both = NULL;
    struct str opened;
    unsigned char derived[32], later[32], other[32];
    (void)state;
    assert_int_equal(load_text("1:" KEY_A "\n", &old), OK);
    assert_int_equal(load_text("# rotated\n\n7:" KEY_B "\r\n1:" KEY_A, &both), OK);
    struct str before = key_ring_seal(old, arena, STR("c"), STR("s"));
    struct str after = key_ring_seal(both, arena, STR("c"), STR("s"));
    assert_true(str_starts(after, STR("k7.")));
    assert_int_equal(key_ring_open(both, arena, STR("c"), before, &opened, &err), OK);
    assert_int_equal(key_ring_open(old, arena, STR("c"), after, &opened, &err), E_INTERNAL);
    key_ring_derive(old, "media-link", derived);
    key_ring_derive(both, "media-link", later);
    key_ring_derive(both, "session", other);
    assert_memory_equal(derived, later, 32);
    assert_memory_not_equal(derived, other, 32);
    key_ring_free(old);
    key_ring_free(both);
}

static void a_bad_key_file_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "\n",
                                      "1:short",
                                      "x:" KEY_A,
                                      "0:" KEY_A,
                                      KEY_A,
                                      "1:" KEY_A "\n1:" KEY_B,
                                      "1:" KEY_A "x"};
    struct key_ring *ring = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(load_text(bad[i], &ring), E_INVALID);
        assert_null(strstr(err.text, "AAAA"));
    }
    assert_null(ring);
}

static void the_environment_goes_before_the_file(void **state)
{
    struct key_ring *ring = NULL;
    (void)state;
    setenv("KINORA_SECRET_KEYS", "3:" KEY_A ",2:" KEY_B, 1);
    assert_int_equal(key_ring_load("/nowhere/keys", &ring, &err), OK);
    unsetenv("KINORA_SECRET_KEYS");
    assert_true(str_starts(key_ring_seal(ring, arena, STR("c"), STR("s")), STR("k3.")));
    key_ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_the_standard_one),
        cmocka_unit_test(hmac_is_the_standard_one),
        cmocka_unit_test(a_uuid_is_version_4_and_new),
        cmocka_unit_test(random_text_fits_an_address),
        {"[ID-1] passwords are Argon2id and checked whole", passwords_are_argon2id, NULL, NULL,
         NULL},
        cmocka_unit_test(a_storm_of_sign_ins_is_served),
        {"[AC-1] sealed secrets open in their context only",
         sealed_secrets_open_in_their_context_only, NULL, NULL, NULL},
        cmocka_unit_test(a_changed_text_does_not_open),
        cmocka_unit_test(the_key_file_is_made_once_and_for_its_owner),
        cmocka_unit_test(of_two_first_starts_both_get_one_key),
        cmocka_unit_test(keys_rotate),
        cmocka_unit_test(a_bad_key_file_is_refused),
        cmocka_unit_test(the_environment_goes_before_the_file),
    };
    if (!mkdtemp(folder) || crypto_init(&err) != OK)
        return 1;
    arena = arena_new(4 << 20);
    int failed = cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
    arena_free(arena);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
