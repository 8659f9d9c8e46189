/* SPDX-License-Identifier: Apache-2.0 */
/* From a row to what can be used: the secret opened, addresses joined, names sorted. */
#include <string.h>

#include "base/arena.h"
#include "platform/json_in.h"
#include "pool/pool_impl.h"
#include "store/account_secrets.h"
#include "store/account_tokens.h"

/* Of one account's strings; a row is bounded to less by service/accounts. */
enum { VERSION_BYTES = 2 << 20 };

static const struct str chat_endpoint = {"/sora/v1/chat/completions", 25};

struct platform *platform_intern(struct pool *p, struct str name)
{
    for (struct platform *at = p->platforms; at; at = at->next) {
        if (str_eq(at->name, name))
            return at;
    }
    struct platform *platform = mem_zalloc(sizeof(*platform) + name.n);
    char *text = (char *)(platform + 1);
    memcpy(text, name.p, name.n);
    platform->name = (struct str){text, name.n};
    pthread_mutex_lock(&p->lock);
    platform->next = p->platforms;
    p->platforms = platform;
    pthread_mutex_unlock(&p->lock);
    return platform;
}

/* ---- fingerprint ---- */

static void add_str(struct sha256 *h, struct str s)
{
    uint64_t n = s.p ? s.n : UINT64_MAX;
    sha256_update(h, (struct str){(const char *)&n, sizeof(n)});
    if (s.n > 0)
        sha256_update(h, s);
}

static void add_int(struct sha256 *h, int64_t v)
{
    sha256_update(h, (struct str){(const char *)&v, sizeof(v)});
}

void version_fingerprint(const struct account *row, unsigned char out[SHA256_SIZE])
{
    struct sha256 h;
    const struct str texts[] = {row->name,     row->platform,     row->dialect,
                                row->base_url, row->credentials,  row->proxy_url,
                                row->ca_pem,   row->models,       row->model_mapping,
                                row->oauth,    row->listed_models};
    const int64_t numbers[] = {row->type,
                               row->priority,
                               row->concurrency,
                               row->honours_idempotency,
                               row->http2,
                               row->status == ACCOUNT_DISABLED,
                               row->token_expires_at,
                               row->token_renewed_at,
                               row->sign_in_again};
    sha256_init(&h);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        add_str(&h, texts[i]);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        add_int(&h, numbers[i]);
    for (size_t i = 0; i < row->group_count; i++)
        add_int(&h, row->group_ids[i]);
    sha256_final(&h, out);
}

/* ---- building ---- */

uint64_t version_token_number(struct str access_token)
{
    unsigned char hash[SHA256_SIZE];
    uint64_t number;
    crypto_sha256(access_token, hash);
    memcpy(&number, hash, sizeof(number));
    return number | 1;
}

static void fill_token(const struct account *row, const struct account_secrets *secrets,
                       struct pool_token *ret)
{
    ret->number = version_token_number(secrets->access_token);
    ret->expires_at = row->token_expires_at;
    ret->renewed_at = row->token_renewed_at;
    ret->refreshable = secrets->refresh_token.n > 0;
}

static enum status open_secret(const struct pool *p, const struct account *row, struct version *v,
                               struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(VERSION_BYTES);
    _cleanup_(account_secrets_wipe) struct account_secrets secrets = {0};
    TRY(account_secrets_open(p->keys, row, a, &secrets, err));
    bool oauth = row->type == ACCOUNT_OAUTH;
    struct str secret = oauth ? secrets.access_token : secrets.api_key;
    v->view.target.credential = arena_str(v->arena, secret);
    v->view.bearer = arena_printf(v->arena, "Bearer %.*s", STR_ARG(secret));
    v->view.proxy_url = account_proxy_with_auth(row->proxy_url, secrets.proxy_auth, v->arena);
    if (oauth)
        fill_token(row, &secrets, &v->view.token);
    /* A refresh token alone makes a token before the first call. */
    return secret.n > 0 || v->view.token.refreshable ? OK
                                                     : err_set(err, E_INVALID, "missing_field");
}

static enum status join_addresses(const struct account *row, struct version *v, struct err *err)
{
    struct url *chat = &v->view.chat;
    TRY(url_parse(row->base_url, v->arena, &v->view.target.base, err));
    TRY(url_join_endpoint(&v->view.target.base, chat_endpoint, v->arena, chat, err));
    v->view.chat_url = url_text(chat, v->arena);
    return v->view.chat_url.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

static int by_name(const void *a, const void *b)
{
    const struct mapped_name *x = a, *y = b;
    if (x->ours.hash != y->ours.hash)
        return x->ours.hash < y->ours.hash ? -1 : 1;
    return str_cmp(x->ours.name, y->ours.name);
}

static void read_mapping(struct json mapping, struct version *v)
{
    size_t n = json_size(mapping);
    v->mapping = mem_calloc(n + 1, sizeof(*v->mapping));
    for (size_t i = 0; i < n; i++) {
        struct str ours, theirs = json_str_or(json_member(mapping, i, &ours), STR_NONE);
        if (theirs.n == 0)
            continue;
        v->mapping[v->mapping_count++] = (struct mapped_name){
            model_name_of(arena_str(v->arena, ours)), arena_str(v->arena, theirs)};
    }
    qsort(v->mapping, v->mapping_count, sizeof(*v->mapping), by_name);
}

/* What is mapped is asked for by our name. */
static bool is_mapped_to(const struct version *v, struct str theirs)
{
    for (size_t i = 0; i < v->mapping_count; i++) {
        if (str_eq(v->mapping[i].theirs, theirs))
            return true;
    }
    return false;
}

static size_t add_names(struct json list, const struct version *v, bool told, struct str *names,
                        size_t count)
{
    for (size_t i = 0; i < json_size(list); i++) {
        struct str name = json_str_or(json_at(list, i), STR_NONE);
        if (name.n > 0 && !(told && is_mapped_to(v, name)))
            names[count++] = name;
    }
    return count;
}

/* The names it serves: its list and what is mapped.  Without a list, all; then what its
 * upstream tells is shown, and limits nothing. */
static enum status read_models(struct pool *p, const struct account *row, struct version *v,
                               struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *models = NULL, *mapping = NULL, *told = NULL;
    TRY(json_parse(row->models, &models, err));
    TRY(json_parse(row->model_mapping, &mapping, err));
    TRY(json_parse(row->listed_models.n ? row->listed_models : STR("[]"), &told, err));
    read_mapping(json_root(mapping), v);

    bool all = json_size(json_root(models)) == 0;
    struct json list = json_root(all ? told : models);
    _cleanup_free_ struct str *names = mem_calloc(json_size(list) + v->mapping_count + 1,
                                                  sizeof(*names));
    size_t count = add_names(list, v, all, names, 0);
    for (size_t i = 0; i < v->mapping_count; i++)
        names[count++] = v->mapping[i].ours.name;
    v->models = model_class_intern(p, names, count, all);
    return OK;
}

static const char *fill(struct pool *p, const struct account *row, struct version *v)
{
    struct err err;
    v->view.dialect = dialect_find(row->dialect);
    if (read_models(p, row, v, &err) != OK || !v->view.dialect ||
        join_addresses(row, v, &err) != OK)
        return "account_unusable";
    if (open_secret(p, row, v, &err) != OK)
        return "account_secret_unreadable";
    return row->sign_in_again ? ACCOUNT_SIGN_IN_AGAIN : NULL;
}

struct version *version_new(struct pool *p, const struct account *row)
{
    struct version *v = mem_zalloc(sizeof(*v));
    struct arena *a = v->arena = arena_new(VERSION_BYTES);
    v->refs = 1;
    version_fingerprint(row, v->fingerprint);
    v->platform = platform_intern(p, row->platform);
    v->view.id = row->id;
    v->view.name = arena_str(a, row->name);
    v->view.type = row->type;
    v->view.ca_pem = row->ca_pem.p ? arena_str(a, row->ca_pem) : STR_NONE;
    v->view.honours_idempotency = row->honours_idempotency;
    v->view.http2 = row->http2;
    v->priority = row->priority;
    v->concurrency = row->concurrency;
    v->disabled = row->status == ACCOUNT_DISABLED;
    v->group_count = row->group_count;
    memcpy(v->group_ids, row->group_ids, sizeof(v->group_ids));
    v->fault = fill(p, row, v);
    return v;
}

static void wipe(struct str secret)
{
    if (secret.p)
        mem_wipe((char *)secret.p, secret.n);
}

void version_unref(struct version *v)
{
    if (!v || atomic_fetch_sub(&v->refs, 1) > 1)
        return;
    wipe(v->view.target.credential);
    wipe(v->view.bearer);
    wipe(v->view.proxy_url);
    if (v->models)
        model_class_unref(v->models);
    free(v->mapping);
    arena_free(v->arena);
    free(v);
}

struct str version_map(const struct version *v, struct str model)
{
    struct mapped_name key = {.ours = model_name_of(model)};
    if (v->mapping_count == 0)
        return STR_NONE;
    const struct mapped_name *found = bsearch(&key, v->mapping, v->mapping_count,
                                              sizeof(*v->mapping), by_name);
    return found ? found->theirs : STR_NONE;
}
