/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/crypto.h"
#include "platform/file.h"

enum {
    KEYS_MAX = 32,
    KEY_SIZE = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    FILE_MAX = 64 * 1024,
    SECRET_MAX = 1024 * 1024,
    BASE64 = sodium_base64_VARIANT_ORIGINAL,
    BASE64_URL = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

struct key {
    uint64_t id;
    unsigned char bytes[KEY_SIZE];
};

struct key_ring {
    size_t count;
    struct key keys[KEYS_MAX]; /* by id, the newest last */
};

/* --- loading ------------------------------------------------------------- */

static enum status bad_keys(const char *source, const char *what, struct err *err)
{
    return err_say(err, E_INVALID, "invalid_key_file", "the keys in %s cannot be used: %s", source,
                   what);
}

static enum status insert(struct key_ring *ring, const struct key *key, const char *source,
                          struct err *err)
{
    size_t at = ring->count;
    if (ring->count == KEYS_MAX)
        return bad_keys(source, "there are more than 32", err);
    while (at && ring->keys[at - 1].id > key->id)
        at--;
    if (at && ring->keys[at - 1].id == key->id)
        return bad_keys(source, "two have the same id", err);
    memmove(&ring->keys[at + 1], &ring->keys[at], (ring->count - at) * sizeof(*key));
    ring->keys[at] = *key;
    ring->count++;
    return OK;
}

static enum status add_line(struct key_ring *ring, struct str line, const char *source,
                            struct err *err)
{
    struct key key = {0};
    size_t n = 0;
    struct str id = str_trim(str_cut(&line, ':'));
    line = str_trim(line);
    bool ok = str_to_u64(id, &key.id) && key.id > 0 && line.n &&
              sodium_base642bin(key.bytes, KEY_SIZE, line.p, line.n, NULL, &n, NULL, BASE64) == 0 &&
              n == KEY_SIZE;
    enum status status = ok ? insert(ring, &key, source, err)
                            : bad_keys(source, "a line is not of the form id:base64 of 32 bytes",
                                       err);
    mem_wipe(&key, sizeof(key));
    return status;
}

static enum status add_lines(struct key_ring *ring, struct str text, char separator,
                             const char *source, struct err *err)
{
    while (text.n) {
        struct str line = str_trim(str_cut(&text, separator));
        if (str_ends(line, STR("\r")))
            line.n--;
        if (line.n && line.p[0] != '#')
            TRY(add_line(ring, line, source, err));
    }
    return ring->count ? OK : bad_keys(source, "there is none", err);
}

/* Through a link of a finished file, so that of two first starts one wins whole. */
static enum status make_file(const char *path, struct err *err)
{
    unsigned char key[KEY_SIZE];
    char text[128], encoded[64], temporary[PATH_MAX], uuid[UUID_SIZE];
    crypto_random(key, sizeof(key));
    crypto_uuid(uuid);
    sodium_bin2base64(encoded, sizeof(encoded), key, sizeof(key), BASE64);
    int n = snprintf(text, sizeof(text), "1:%s\n", encoded);
    snprintf(temporary, sizeof(temporary), "%s.%s.new", path, uuid);
    enum status status = file_write_atomic(temporary, (struct str){text, (size_t)n}, 0600, err);
    if (status == OK && link(temporary, path) < 0 && errno != EEXIST)
        status = err_errno(err, "key file");
    if (status == OK)
        status = file_sync_parent(path, err);
    unlink(temporary);
    mem_wipe(key, sizeof(key));
    mem_wipe(text, sizeof(text));
    mem_wipe(encoded, sizeof(encoded));
    return status;
}

static enum status check_mode(const char *path, struct err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return err_errno(err, "key file");
    if (st.st_mode & 077)
        return err_say(err, E_FORBIDDEN, "key_file_exposed",
                       "the key file %s is open to other users of this machine; "
                       "run: chmod 600 %s",
                       path, path);
    return OK;
}

static enum status load_file(struct key_ring *ring, const char *path, struct err *err)
{
    struct str text;
    if (access(path, F_OK) < 0 && errno == ENOENT)
        TRY(make_file(path, err));
    TRY(check_mode(path, err));
    struct arena *a = arena_new(FILE_MAX + 1);
    enum status status = file_read(path, FILE_MAX, a, &text, err);
    if (status == OK) {
        status = add_lines(ring, text, '\n', path, err);
        mem_wipe((char *)(uintptr_t)text.p, text.n);
    }
    arena_free(a);
    return status;
}

enum status key_ring_load(const char *path, struct key_ring **ret, struct err *err)
{
    const char *given = getenv("KINORA_SECRET_KEYS");
    struct key_ring *ring = mem_zalloc(sizeof(*ring));
    enum status status = given && given[0]
                             ? add_lines(ring, str_of(given), ',', "KINORA_SECRET_KEYS", err)
                             : load_file(ring, path, err);
    if (status != OK) {
        key_ring_free(ring);
        return status;
    }
    *ret = ring;
    return OK;
}

void key_ring_free(struct key_ring *ring)
{
    if (!ring)
        return;
    mem_wipe(ring, sizeof(*ring));
    free(ring);
}

/* --- sealing ------------------------------------------------------------- */

struct str key_ring_seal(const struct key_ring *ring, struct arena *a, struct str context,
                         struct str secret)
{
    const struct key *key = &ring->keys[ring->count - 1];
    if (secret.n > SECRET_MAX)
        return STR_NONE;
    size_t box_size = NONCE_SIZE + secret.n + TAG_SIZE;
    size_t text_size = sodium_base64_encoded_len(box_size, BASE64_URL);
    unsigned char *box = arena_alloc(a, box_size);
    char *text = arena_alloc(a, text_size + 24);
    if (!box || !text)
        return STR_NONE;
    crypto_random(box, NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        box + NONCE_SIZE, NULL, (const unsigned char *)secret.p, secret.n,
        (const unsigned char *)context.p, context.n, NULL, box, key->bytes);
    int head = snprintf(text, 24, "k%" PRIu64 ".", key->id);
    sodium_bin2base64(text + head, text_size, box, box_size, BASE64_URL);
    return str_of(text);
}

static const struct key *find_key(const struct key_ring *ring, struct str *sealed)
{
    uint64_t id;
    struct str head = str_cut(sealed, '.');
    if (!str_starts(head, STR("k")) || !str_to_u64(str_from(head, 1), &id))
        return NULL;
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].id == id)
            return &ring->keys[i];
    }
    return NULL;
}

enum status key_ring_open(const struct key_ring *ring, struct arena *a, struct str context,
                          struct str sealed, struct str *ret, struct err *err)
{
    const struct key *key = find_key(ring, &sealed);
    size_t n = 0;
    if (!key || !sealed.n || sealed.n > 2 * SECRET_MAX)
        return err_set(err, E_INTERNAL, "secret_unreadable");
    unsigned char *box = arena_alloc(a, sealed.n);
    if (!box)
        return err_set(err, E_NO_MEMORY, "no_memory");
    if (sodium_base642bin(box, sealed.n, sealed.p, sealed.n, NULL, &n, NULL, BASE64_URL) != 0 ||
        n < NONCE_SIZE + TAG_SIZE)
        return err_set(err, E_INTERNAL, "secret_unreadable");
    size_t secret_size = n - NONCE_SIZE - TAG_SIZE;
    unsigned char *secret = arena_alloc(a, secret_size + 1);
    if (!secret)
        return err_set(err, E_NO_MEMORY, "no_memory");
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(secret, NULL, NULL, box + NONCE_SIZE,
                                                   n - NONCE_SIZE, (const unsigned char *)context.p,
                                                   context.n, box, key->bytes) != 0)
        return err_set(err, E_INTERNAL, "secret_unreadable");
    *ret = (struct str){(const char *)secret, secret_size};
    return OK;
}

void key_ring_derive(const struct key_ring *ring, const char *purpose, unsigned char out[32])
{
    crypto_generichash(out, 32, (const unsigned char *)purpose, strlen(purpose),
                       ring->keys[0].bytes, KEY_SIZE);
}
