/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* sha256 — SHA-256 (FIPS 180-4) as bytes come, by OpenSSL's rounds.
 *
 * The state is plain bytes, so it may be copied, and kept in a row for another process to go on
 * with: of the same byte order, since its layout is the machine's.  Nothing to release.
 * For what is in memory whole, crypto_sha256() is shorter. */
#include <stdint.h>

#include "base/str.h"

enum { SHA256_SIZE = 32, SHA256_BLOCK = 64 };

struct sha256 {
    uint32_t words[SHA256_SIZE / 4];
    uint64_t bits;                     /* taken so far */
    unsigned char block[SHA256_BLOCK]; /* its first bits / 8 % 64 bytes wait for the rest */
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, struct str data);
/* h is of no use then but for sha256_init(). */
void sha256_final(struct sha256 *h, unsigned char out[SHA256_SIZE]);
