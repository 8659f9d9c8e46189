/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL 3 cannot write out the state of an EVP digest, and of libsodium, which can, the rounds
 * take three times as long: they do not use the processor's own instructions.  The functions of
 * OpenSSL that work on a plain state are deprecated in favour of EVP, not because they were wrong. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "platform/sha256.h"

#include <openssl/sha.h>
#include <string.h>

_Static_assert(sizeof(struct sha256) == 104, "rows hold states of this size");
_Static_assert(sizeof(((SHA256_CTX *)0)->data) == SHA256_BLOCK, "its block is ours");

static SHA256_CTX load(const struct sha256 *h)
{
    SHA256_CTX c = {.Nl = (SHA_LONG)h->bits,
                    .Nh = (SHA_LONG)(h->bits >> 32),
                    .num = h->bits / 8 % SHA256_BLOCK,
                    .md_len = SHA256_SIZE};
    memcpy(c.h, h->words, sizeof(c.h));
    memcpy(c.data, h->block, sizeof(c.data));
    return c;
}

void sha256_init(struct sha256 *h)
{
    SHA256_CTX c;
    SHA256_Init(&c);
    memset(h, 0, sizeof(*h));
    memcpy(h->words, c.h, sizeof(h->words));
}

void sha256_update(struct sha256 *h, struct str data)
{
    if (!data.n)
        return;
    SHA256_CTX c = load(h);
    SHA256_Update(&c, data.p, data.n);
    memcpy(h->words, c.h, sizeof(h->words));
    memcpy(h->block, c.data, sizeof(h->block));
    h->bits += (uint64_t)data.n * 8;
}

void sha256_final(struct sha256 *h, unsigned char out[SHA256_SIZE])
{
    SHA256_CTX c = load(h);
    SHA256_Final(out, &c);
}
