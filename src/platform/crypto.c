/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { PASSWORD_PASSES = 3, PASSWORD_MEMORY = 64 * 1024 * 1024, PASSWORDS_AT_ONCE = 4 };
_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "libsodium's encoded form fits");

static sem_t password_slots;

static void make_slots(void)
{
    sem_init(&password_slots, 0, PASSWORDS_AT_ONCE);
}

enum status crypto_init(struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (sodium_init() < 0)
        return err_say(err, E_INTERNAL, "no_randomness", "this system gives no random numbers");
    pthread_once(&once, make_slots);
    return OK;
}

/* --- randomness ---------------------------------------------------------- */

void crypto_random(void *out, size_t n)
{
    randombytes_buf(out, n);
}

void crypto_uuid(char out[UUID_SIZE])
{
    unsigned char b[16];
    char hex[33];
    crypto_random(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* RFC 9562 variant */
    sodium_bin2hex(hex, sizeof(hex), b, sizeof(b));
    snprintf(out, UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}

void crypto_random_text(size_t n, char *out)
{
    unsigned char *bytes = mem_zalloc(n);
    crypto_random(bytes, n);
    sodium_bin2base64(out, 4 * ((n + 2) / 3) + 1, bytes, n,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    mem_wipe(bytes, n);
    free(bytes);
}

/* --- passwords ----------------------------------------------------------- */

static void take_slot(void)
{
    while (sem_wait(&password_slots) < 0)
        ; /* only a signal can disturb it */
}

enum status crypto_password_hash(struct str password, char out[PASSWORD_HASH_SIZE], struct err *err)
{
    memset(out, 0, PASSWORD_HASH_SIZE);
    take_slot();
    int rc = crypto_pwhash_str_alg(out, password.p ? password.p : "", password.n, PASSWORD_PASSES,
                                   PASSWORD_MEMORY, crypto_pwhash_ALG_ARGON2ID13);
    sem_post(&password_slots);
    return rc == 0 ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

bool crypto_password_check(struct str password, const char *hash)
{
    if (!hash || !hash[0]) {
        char discarded[PASSWORD_HASH_SIZE];
        crypto_password_hash(password, discarded, NULL);
        return false;
    }
    take_slot();
    int rc = crypto_pwhash_str_verify(hash, password.p ? password.p : "", password.n);
    sem_post(&password_slots);
    return rc == 0;
}

/* --- digests ------------------------------------------------------------- */

/* OpenSSL's digests fail only without memory, and then nothing may go on. */
static void must(int ok)
{
    if (ok != 1)
        abort();
}

void crypto_sha256(struct str data, unsigned char out[SHA256_SIZE])
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, data);
    sha256_final(&h, out);
}

void crypto_hmac_sha256(struct str key, struct str data, unsigned char out[SHA256_SIZE])
{
    const unsigned char *bytes = (const unsigned char *)(data.p ? data.p : "");
    must(HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.n, bytes, data.n, out, NULL) != NULL);
}

void crypto_md5(struct str data, unsigned char out[MD5_SIZE])
{
    must(EVP_Digest(data.p ? data.p : "", data.n, out, NULL, EVP_md5(), NULL));
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

struct checksum {
    EVP_MD_CTX *ctx;
};

struct checksum *checksum_new(struct str name)
{
    const EVP_MD *kind = str_eq(name, STR("sha1"))     ? EVP_sha1()
                         : str_eq(name, STR("sha256")) ? EVP_sha256()
                                                       : NULL;
    if (!kind)
        return NULL;
    struct checksum *c = mem_zalloc(sizeof(*c));
    c->ctx = EVP_MD_CTX_new();
    must(c->ctx && EVP_DigestInit_ex(c->ctx, kind, NULL));
    return c;
}

void checksum_update(struct checksum *c, struct str data)
{
    if (data.n)
        must(EVP_DigestUpdate(c->ctx, data.p, data.n));
}

size_t checksum_size(const struct checksum *c)
{
    return (size_t)EVP_MD_CTX_get_size(c->ctx);
}

void checksum_final(struct checksum *c, unsigned char out[CHECKSUM_MAX])
{
    must(EVP_DigestFinal_ex(c->ctx, out, NULL));
}

void checksum_free(struct checksum *c)
{
    if (!c)
        return;
    EVP_MD_CTX_free(c->ctx);
    free(c);
}
