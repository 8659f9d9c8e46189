/* SPDX-License-Identifier: Apache-2.0 */
#include "net/oauth.h"

#include "base/hex.h"
#include "base/json_out.h"
#include "platform/crypto.h"
#include "platform/json_in.h"

enum { TEXT_BYTES = 64 << 10 };

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    {"issuer", offsetof(struct oauth_client, issuer)},
    {"authorize_url", offsetof(struct oauth_client, authorize_url)},
    {"token_url", offsetof(struct oauth_client, token_url)},
    {"client_id", offsetof(struct oauth_client, client_id)},
    {"scopes", offsetof(struct oauth_client, scopes)},
    {"redirect_uri", offsetof(struct oauth_client, redirect_uri)},
};

static struct str *text_of(const struct oauth_client *c, size_t i)
{
    return (struct str *)((char *)c + texts[i].offset);
}

struct str oauth_client_write(const struct oauth_client *c, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(TEXT_BYTES);
    struct json_out j;
    json_out_init(&j, &out);
    json_object(&j);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        json_kv_str(&j, texts[i].name, *text_of(c, i));
    json_kv_bool(&j, "discovered", c->discovered);
    json_kv_bool(&j, "secret_in_body", c->secret_in_body);
    json_object_end(&j);
    return buf_failed(&out) ? STR_NONE : arena_str(a, buf_str(&out));
}

enum status oauth_client_read(struct str json, struct arena *a, struct oauth_client *ret,
                              struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct oauth_client c = {0};
    TRY(json_parse(json, &doc, err));
    struct json root = json_root(doc);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        *text_of(&c, i) = arena_str(a, json_str_or(json_get(root, texts[i].name), STR("")));
    c.discovered = json_bool_or(json_get(root, "discovered"), false);
    c.secret_in_body = json_bool_or(json_get(root, "secret_in_body"), false);
    *ret = c;
    return OK;
}

/* ---- what the issuer says of itself ---- */

/* OpenID appends to the issuer's path; RFC 8414 3.1 puts its own before it. */
static struct str metadata_url(struct str issuer, bool openid, struct arena *a)
{
    struct url u;
    struct err ignored;
    if (url_parse(issuer, a, &u, &ignored) != OK)
        return STR_NONE;
    struct str path = u.path;
    while (str_ends(path, STR("/")))
        path.n--;
    u.query = STR_NONE;
    u.path = openid ? arena_printf(a, "%.*s/.well-known/openid-configuration", STR_ARG(path))
                    : arena_printf(a, "/.well-known/oauth-authorization-server%.*s", STR_ARG(path));
    return u.path.p ? url_text(&u, a) : STR_NONE;
}

static struct str without_slash(struct str s)
{
    while (str_ends(s, STR("/")))
        s.n--;
    return s;
}

static bool is_endpoint(struct str text, bool https, struct arena *a)
{
    struct url u;
    struct err ignored;
    return text.n && url_parse(text, a, &u, &ignored) == OK && (u.https || !https);
}

static bool lists(struct json names, const char *name)
{
    for (size_t i = 0; i < json_size(names); i++) {
        if (str_eq(json_str_or(json_at(names, i), STR("")), str_of(name)))
            return true;
    }
    return false;
}

/* RFC 8414 3.3: it must name the issuer that was asked for. */
static enum status read_metadata(struct str body, struct oauth_client *c, struct arena *a,
                                 struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    if (json_parse(body, &doc, &ignored) != OK)
        return err_set(err, E_UPSTREAM, "oauth_discovery_failed");
    struct json root = json_root(doc);
    struct str issuer = json_str_or(json_get(root, "issuer"), STR(""));
    struct str authorize = json_str_or(json_get(root, "authorization_endpoint"), STR(""));
    struct str token = json_str_or(json_get(root, "token_endpoint"), STR(""));
    struct json methods = json_get(root, "token_endpoint_auth_methods_supported");
    bool https = str_starts(c->issuer, STR("https://"));
    if (!str_eq(without_slash(issuer), without_slash(c->issuer)) ||
        !is_endpoint(authorize, https, a) || !is_endpoint(token, https, a))
        return err_set(err, E_UPSTREAM, "oauth_discovery_failed");
    if (!c->authorize_url.n)
        c->authorize_url = arena_str(a, authorize);
    if (!c->token_url.n) {
        c->token_url = arena_str(a, token);
        c->discovered = true;
    }
    c->secret_in_body = json_is_array(methods) && !lists(methods, "client_secret_basic") &&
                        lists(methods, "client_secret_post");
    return OK;
}

static enum status ask_metadata(const struct oauth_way *way, struct oauth_client *c, bool openid,
                                struct arena *a, int *ret_status, struct err *err)
{
    struct fetch_answer answer;
    const struct fetch_request request = {
        .url = metadata_url(c->issuer, openid, a),
        .guard = {GUARD_ADMIN, way->allowed, way->allowed_count},
        .ca_pem = way->ca_pem,
        .proxy_url = way->proxy_url,
        .connect_timeout_ms = OAUTH_CONNECT_MS,
        .total_timeout_ms = way->total_timeout_ms ? way->total_timeout_ms : OAUTH_TOTAL_MS,
        .max_body = OAUTH_ANSWER_MAX,
    };
    *ret_status = 0;
    TRY(fetch_run(way->fetcher, &request, a, &answer, err));
    *ret_status = answer.status;
    if (answer.status != 200)
        return err_set(err, E_UPSTREAM, "oauth_discovery_failed");
    return read_metadata(answer.body, c, a, err);
}

enum status oauth_discover(const struct oauth_way *way, struct oauth_client *c, struct arena *a,
                           struct err *err)
{
    int http;
    enum status status = ask_metadata(way, c, true, a, &http, err);
    if (status == OK || http == 0)
        return status;
    return ask_metadata(way, c, false, a, &http, err);
}

/* ---- the person's way ---- */

void oauth_make_verifier(char out[OAUTH_VERIFIER_SIZE])
{
    crypto_random_text(32, out);
}

static void add_parameter(struct buf *out, char before, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    buf_addf(out, "%c%s=", before, name);
    url_percent_encode(value, false, out);
}

/* RFC 7636 4.2, S256: the only method that we use. */
static struct str challenge_of(struct str verifier, struct buf *out)
{
    unsigned char hash[SHA256_SIZE];
    crypto_sha256(verifier, hash);
    base64_encode(out, (struct str){(const char *)hash, sizeof(hash)}, true);
    return buf_str(out);
}

struct str oauth_authorize_url(const struct oauth_client *c, struct str state, struct str verifier,
                               struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(TEXT_BYTES), challenge = BUF_INIT(128);
    buf_add(&out, c->authorize_url);
    add_parameter(&out, str_has_char(c->authorize_url, '?') ? '&' : '?', "response_type",
                  STR("code"));
    add_parameter(&out, '&', "client_id", c->client_id);
    add_parameter(&out, '&', "redirect_uri", c->redirect_uri);
    add_parameter(&out, '&', "scope", c->scopes);
    add_parameter(&out, '&', "state", state);
    add_parameter(&out, '&', "code_challenge", challenge_of(verifier, &challenge));
    add_parameter(&out, '&', "code_challenge_method", STR("S256"));
    /* OpenID Connect Core 11: without it no refresh token comes with this scope. */
    if (str_find(c->scopes, STR("offline_access")) >= 0)
        add_parameter(&out, '&', "prompt", STR("consent"));
    return buf_failed(&out) ? STR_NONE : arena_str(a, buf_str(&out));
}

/* application/x-www-form-urlencoded; STR_NONE: no valid text. */
static struct str decode(struct str s, struct arena *a)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < s.n; i++) {
        int high, low;
        if (s.p[i] != '%') {
            out[n++] = s.p[i] == '+' ? ' ' : s.p[i];
            continue;
        }
        if (i + 2 >= s.n || (high = hex_value(s.p[i + 1])) < 0 || (low = hex_value(s.p[i + 2])) < 0)
            return STR_NONE;
        out[n++] = (char)(high * 16 + low);
        i += 2;
    }
    return out ? (struct str){out, n} : STR_NONE;
}

static void read_query(struct str query, struct arena *a, struct oauth_callback *ret)
{
    const struct {
        struct str name;
        struct str *to;
    } wanted[] = {{STR("code"), &ret->code},
                  {STR("state"), &ret->state},
                  {STR("error"), &ret->error},
                  {STR("iss"), &ret->issuer}};
    while (query.p) {
        struct str value = str_cut(&query, '&'), name = str_cut(&value, '=');
        for (size_t i = 0; value.p && i < ARRAY_SIZE(wanted); i++) {
            if (str_eq(name, wanted[i].name) && !wanted[i].to->p)
                *wanted[i].to = decode(value, a);
        }
    }
}

enum status oauth_read_callback(struct str pasted, struct arena *a, struct oauth_callback *ret,
                                struct err *err)
{
    struct oauth_callback back = {0};
    struct str rest = str_trim(pasted), before = str_cut(&rest, '?');
    if (rest.p) {
        read_query(str_cut(&rest, '#'), a, &back);
    } else if (str_find(before, STR("://")) < 0) {
        /* Some pages show "code#state" to be copied. */
        back.state = before;
        back.code = str_cut(&back.state, '#');
    }
    if (!back.error.n && !oauth_is_token(back.code))
        return err_field(err, "oauth_code_invalid", "code",
                         "Paste the code, or the whole address you were sent to.");
    *ret = back;
    return OK;
}

/* ---- the token endpoint ---- */

bool oauth_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    }
    return s.n > 0 && s.n <= OAUTH_TOKEN_MAX;
}

/* RFC 6749 5.2: what will not be another time.  invalid_request is missing on purpose: some say so
 * of a request that a proxy of theirs has spoilt. */
static bool is_final(struct str error)
{
    static const char *const codes[] = {"invalid_grant", "invalid_client", "unauthorized_client",
                                        "unsupported_grant_type", "invalid_scope"};
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (str_eq(error, str_of(codes[i])))
            return true;
    }
    return false;
}

/* Seconds, by some as text; absent, zero or nonsense: not said. */
static int64_t lifetime_of(struct json expires_in)
{
    const int64_t most = 10LL * 365 * 24 * 3600;
    int64_t seconds = 0;
    if (json_is_number(expires_in)) {
        double real = json_real_or(expires_in, 0);
        seconds = real > 0 ? (int64_t)MIN(real, (double)most) : 0;
    } else if (!str_to_i64(json_str_or(expires_in, STR("")), &seconds)) {
        return 0;
    }
    return seconds > 0 ? MIN(seconds, most) * 1000 : 0;
}

/* RFC 6749 5.1; some servers say their errors with 200. */
static enum status read_tokens(const struct fetch_answer *answer, struct arena *a,
                               struct oauth_tokens *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    if (answer->status >= 500 || answer->status == 429 || answer->status == 408)
        return err_set(err, E_UPSTREAM, "upstream_error");
    if (json_parse(answer->body, &doc, &ignored) != OK)
        return err_set(err, E_UPSTREAM, "bad_answer");
    struct json root = json_root(doc);
    struct str error = json_str_or(json_get(root, "error"), STR(""));
    if (is_final(error)) {
        err_set(err, E_AUTH, "oauth_refused");
        err_detail(err, "%.*s", STR_ARG(error));
        return E_AUTH;
    }
    struct str access = json_str_or(json_get(root, "access_token"), STR(""));
    struct str refresh = json_str_or(json_get(root, "refresh_token"), STR(""));
    struct str type = json_str_or(json_get(root, "token_type"), STR("Bearer"));
    if (answer->status / 100 != 2 || error.n || !oauth_is_token(access) ||
        (refresh.n && !oauth_is_token(refresh)) || !str_eq_ci(type, STR("bearer")))
        return err_set(err, E_UPSTREAM, "bad_answer");
    *ret = (struct oauth_tokens){
        .access = arena_str(a, access),
        .refresh = refresh.n ? arena_str(a, refresh) : STR_NONE,
        .lifetime_ms = lifetime_of(json_get(root, "expires_in")),
    };
    return OK;
}

/* RFC 6749 2.3.1: both halves are form-encoded first. */
static struct str basic_of(const struct oauth_client *c, struct str secret, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf pair = BUF_INIT(TEXT_BYTES), out = BUF_INIT(TEXT_BYTES);
    url_percent_encode(c->client_id, false, &pair);
    buf_add_char(&pair, ':');
    url_percent_encode(secret, false, &pair);
    buf_add(&out, STR("Basic "));
    base64_encode(&out, buf_str(&pair), false);
    struct str text = buf_failed(&pair) || buf_failed(&out) ? STR_NONE
                                                            : arena_str(a, buf_str(&out));
    if (pair.p)
        mem_wipe(pair.p, pair.size);
    return text;
}

static enum status ask_tokens(const struct oauth_way *way, const struct oauth_client *c,
                              struct str secret, struct buf *form, struct arena *a,
                              struct oauth_tokens *ret, struct err *err)
{
    struct http_header headers[3];
    struct fetch_answer answer;
    struct url issuer;
    size_t n = 0;
    bool in_body = secret.n == 0 || c->secret_in_body;
    headers[n++] = (struct http_header)HTTP_HEADER("Content-Type",
                                                   "application/x-www-form-urlencoded");
    headers[n++] = (struct http_header)HTTP_HEADER("Accept", "application/json");
    if (in_body) {
        add_parameter(form, '&', "client_id", c->client_id);
        add_parameter(form, '&', "client_secret", secret);
    } else {
        headers[n++] = (struct http_header){STR("Authorization"), basic_of(c, secret, a)};
    }
    if (buf_failed(form) || headers[n - 1].value.p == NULL)
        return err_set(err, E_NO_MEMORY, "no_memory");
    struct fetch_request request = {
        .url = c->token_url,
        .method = STR("POST"),
        .headers = headers,
        .header_count = n,
        .body = buf_str(form),
        .body_length = (int64_t)buf_len(form),
        .guard = {c->discovered ? GUARD_PUBLIC : GUARD_ADMIN, way->allowed, way->allowed_count},
        .ca_pem = way->ca_pem,
        .proxy_url = way->proxy_url,
        .connect_timeout_ms = OAUTH_CONNECT_MS,
        .total_timeout_ms = way->total_timeout_ms ? way->total_timeout_ms : OAUTH_TOTAL_MS,
        .max_body = OAUTH_ANSWER_MAX,
    };
    if (c->discovered && url_parse(c->issuer, a, &issuer, err) == OK)
        request.trusted_origin = &issuer;
    TRY(fetch_run(way->fetcher, &request, a, &answer, err));
    return read_tokens(&answer, a, ret, err);
}

static enum status run_form(const struct oauth_way *way, const struct oauth_client *c,
                            struct str secret, struct buf *form, struct arena *a,
                            struct oauth_tokens *ret, struct err *err)
{
    enum status status = ask_tokens(way, c, secret, form, a, ret, err);
    if (form->p)
        mem_wipe(form->p, form->size);
    return status;
}

enum status oauth_exchange(const struct oauth_way *way, const struct oauth_client *c,
                           struct str secret, struct str code, struct str verifier, struct arena *a,
                           struct oauth_tokens *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf form = BUF_INIT(TEXT_BYTES);
    buf_add(&form, STR("grant_type=authorization_code"));
    add_parameter(&form, '&', "code", code);
    add_parameter(&form, '&', "redirect_uri", c->redirect_uri);
    add_parameter(&form, '&', "code_verifier", verifier);
    return run_form(way, c, secret, &form, a, ret, err);
}

enum status oauth_refresh(const struct oauth_way *way, const struct oauth_client *c,
                          struct str secret, struct str refresh_token, struct arena *a,
                          struct oauth_tokens *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf form = BUF_INIT(TEXT_BYTES);
    buf_add(&form, STR("grant_type=refresh_token"));
    add_parameter(&form, '&', "refresh_token", refresh_token);
    return run_form(way, c, secret, &form, a, ret, err);
}
