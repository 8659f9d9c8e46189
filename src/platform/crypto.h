/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* crypto — passwords, encryption at rest, digests and randomness (libsodium, and
 * OpenSSL for SHA-256/HMAC).  Thread: any, after crypto_init(). */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "platform/sha256.h"

/* Once, before any thread. */
enum status crypto_init(struct err *err);

void crypto_random(void *out, size_t n);
/* A version 4 UUID in its 36-character form (RFC 9562), NUL behind it. */
enum { UUID_SIZE = 37 };
void crypto_uuid(char out[UUID_SIZE]);
/* n random bytes as URL-safe base64 text with NUL; out takes 4 * ((n + 2) / 3) + 1. */
void crypto_random_text(size_t n, char *out);

/* Argon2id (64 MiB, 3 passes), the encoded form.  At most four run at a time in a
 * process: more would let a login storm take all memory. */
enum { PASSWORD_HASH_SIZE = 128 };
enum status crypto_password_hash(struct str password, char out[PASSWORD_HASH_SIZE],
                                 struct err *err);
/* An empty hash costs the same time and is false, so absent users can't be told. */
bool crypto_password_check(struct str password, const char *hash);

/* As bytes come: platform/sha256.h. */
void crypto_sha256(struct str data, unsigned char out[SHA256_SIZE]);
void crypto_hmac_sha256(struct str key, struct str data, unsigned char out[SHA256_SIZE]);
/* For the checksums that protocols ask for, never for secrets. */
enum { MD5_SIZE = 16 };
void crypto_md5(struct str data, unsigned char out[MD5_SIZE]);
bool crypto_equal(const void *a, const void *b, size_t n); /* constant time */

/* Incremental, by a name that protocols use: "sha1", "sha256"; never for secrets. */
enum { CHECKSUM_MAX = 32 };
struct checksum;
/* NULL: no such one. */
struct checksum *checksum_new(struct str name);
size_t checksum_size(const struct checksum *c); /* in bytes */
void checksum_update(struct checksum *c, struct str data);
/* Once. */
void checksum_final(struct checksum *c, unsigned char out[CHECKSUM_MAX]);
void checksum_free(struct checksum *c);

/* A ring of keys for encryption at rest: the newest seals, all open.  Kept in a
 * file of mode 0600, one `id:base64` of 32 bytes a line, made with one key when
 * absent; ids are whole numbers, the highest is the newest; lines with # are
 * comments.  When KINORA_SECRET_KEYS is set (the same lines, `,` between), it is
 * used in place of the file.  E_FORBIDDEN, code "key_file_exposed": group or others
 * may read the file; E_INVALID, code "invalid_key_file": what it holds is no ring.
 * Thread: a loaded ring is only read, so any. */
struct key_ring;
enum status key_ring_load(const char *path, struct key_ring **ret, struct err *err);
void key_ring_free(struct key_ring *ring);
/* XChaCha20-Poly1305; text form `k<id>.<base64url of nonce and box>`.  context is
 * authenticated, not stored: the same value must open it ("account:42").  Secrets
 * up to 1 MiB; STR_NONE past that or past the arena's cap. */
struct str key_ring_seal(const struct key_ring *ring, struct arena *a, struct str context,
                         struct str secret);
/* E_INTERNAL, code "secret_unreadable": unknown key id or changed text. */
enum status key_ring_open(const struct key_ring *ring, struct arena *a, struct str context,
                          struct str sealed, struct str *ret, struct err *err);
/* A purpose-bound 32-byte key derived from the ring's oldest key (BLAKE2b), for
 * signing links: "media-link", "session". */
void key_ring_derive(const struct key_ring *ring, const char *purpose, unsigned char out[32]);
