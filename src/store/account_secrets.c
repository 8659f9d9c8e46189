/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account_secrets.h"

#include <inttypes.h>

#include "base/json_out.h"
#include "platform/json_in.h"

enum { SECRET_BYTES = 256 << 10 };

static const struct {
    const char *name;
    size_t offset;
} members[] = {
    {"api_key", offsetof(struct account_secrets, api_key)},
    {"proxy_auth", offsetof(struct account_secrets, proxy_auth)},
    {"access_token", offsetof(struct account_secrets, access_token)},
    {"refresh_token", offsetof(struct account_secrets, refresh_token)},
    {"client_secret", offsetof(struct account_secrets, client_secret)},
};

static struct str *member_of(const struct account_secrets *secrets, size_t i)
{
    return (struct str *)((char *)secrets + members[i].offset);
}

static struct str context_of(const struct account *account, struct arena *a)
{
    return arena_printf(a, "account:%" PRId64, account->id);
}

enum status account_secrets_open(const struct key_ring *keys, const struct account *account,
                                 struct arena *a, struct account_secrets *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct account_secrets secrets = {0};
    struct str opened;
    TRY(key_ring_open(keys, a, context_of(account, a), account->credentials, &opened, err));
    enum status status = json_parse(opened, &doc, err);
    mem_wipe((char *)opened.p, opened.n);
    TRY(status);
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        struct str text = json_str_or(json_get(json_root(doc), members[i].name), STR_NONE);
        if (text.n > 0)
            *member_of(&secrets, i) = arena_str(a, text);
    }
    *ret = secrets;
    return OK;
}

enum status account_secrets_seal(const struct key_ring *keys, const struct account_secrets *secrets,
                                 struct arena *a, struct account *account, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(SECRET_BYTES);
    struct json_out j;
    json_out_init(&j, &text);
    json_object(&j);
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        struct str value = *member_of(secrets, i);
        if (value.n > 0)
            json_kv_str(&j, members[i].name, value);
    }
    json_object_end(&j);
    struct str sealed = STR_NONE;
    if (!buf_failed(&text))
        sealed = key_ring_seal(keys, a, context_of(account, a), buf_str(&text));
    if (text.p)
        mem_wipe(text.p, text.size);
    if (!sealed.p)
        return err_set(err, E_NO_MEMORY, "no_memory");
    account->credentials = sealed;
    return OK;
}

void account_secrets_wipe(struct account_secrets *secrets)
{
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        struct str *value = member_of(secrets, i);
        if (value->p)
            mem_wipe((char *)value->p, value->n);
        *value = STR_NONE;
    }
}
