/* SPDX-License-Identifier: Apache-2.0 */
#include "service/request_key.h"

#include "base/hex.h"
#include "platform/sha256.h"

enum status request_key_read(struct str key, const char *method, struct str path, struct str body,
                             struct arena *a, struct request_key *ret, struct err *err)
{
    struct sha256 h;
    unsigned char digest[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    *ret = (struct request_key){.key = key};
    if (key.n == 0)
        return OK;
    if (key.n > REQUEST_KEY_MAX)
        return err_field(err, "invalid_field", "Idempotency-Key",
                         "An Idempotency-Key has 1 to %d bytes.", REQUEST_KEY_MAX);
    sha256_init(&h);
    sha256_update(&h, str_of(method));
    sha256_update(&h, STR("\n"));
    sha256_update(&h, path);
    sha256_update(&h, STR("\n"));
    sha256_update(&h, body);
    sha256_final(&h, digest);
    hex_encode(digest, sizeof(digest), text);
    ret->hash = arena_str(a, str_of(text));
    return ret->hash.p ? OK : err_set(err, E_NO_MEMORY, "overloaded");
}
