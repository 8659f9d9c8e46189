/* SPDX-License-Identifier: Apache-2.0 */
#include "media/links.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"

enum { MAC_BYTES = 16, SIGNED_TEXT_MAX = 512 };

/* False for a name that is longer than any of ours. */
static bool sign(const struct key_ring *keys, const char *kind, int64_t id, int64_t expiry_s,
                 struct str name, struct buf *out)
{
    char text[SIGNED_TEXT_MAX];
    unsigned char key[32], mac[SHA256_SIZE];
    int n = snprintf(text, sizeof(text), "%s\n%" PRId64 "\n%" PRId64 "\n", kind, id, expiry_s);

    if (name.n > sizeof(text) - (size_t)n)
        return false;
    memcpy(text + n, name.p, name.n);
    key_ring_derive(keys, "media-link", key);
    crypto_hmac_sha256((struct str){(char *)key, sizeof(key)},
                       (struct str){text, (size_t)n + name.n}, mac);
    mem_wipe(key, sizeof(key));
    return base64_encode(out, (struct str){(char *)mac, MAC_BYTES}, true);
}

struct str link_make(const struct key_ring *keys, struct arena *a, struct str origin,
                     const char *kind, int64_t id, int64_t now_ms, struct str name)
{
    struct buf mac = BUF_INIT(64);
    int64_t hour = now_ms / CLOCK_HOUR_MS + 1;
    int64_t expiry_s = (hour + LINK_LIFE_HOURS) * 3600;
    sign(keys, kind, id, expiry_s, name, &mac);
    struct str text = buf_str(&mac);
    struct str link = arena_printf(a, "%.*s/media/%s/%" PRId64 ".%" PRId64 ".%.*s/%.*s",
                                   STR_ARG(origin), kind, id, expiry_s, STR_ARG(text),
                                   STR_ARG(name));
    buf_release(&mac);
    return link;
}

enum status link_check(const struct key_ring *keys, const char *kind, struct str token,
                       struct str name, int64_t now_ms, int64_t *ret_id, struct err *err)
{
    struct buf mac = BUF_INIT(64);
    int64_t id, expiry_s;
    struct str id_text = str_cut(&token, '.'), expiry_text = str_cut(&token, '.');
    bool genuine = str_to_i64(id_text, &id) && str_to_i64(expiry_text, &expiry_s) &&
                   sign(keys, kind, id, expiry_s, name, &mac) && buf_len(&mac) == token.n &&
                   crypto_equal(buf_str(&mac).p, token.p, token.n);
    buf_release(&mac);
    if (!genuine)
        return err_set(err, E_FORBIDDEN, "bad_link");
    if (expiry_s * 1000 < now_ms)
        return err_set(err, E_GONE, "link_ended");
    *ret_id = id;
    return OK;
}
