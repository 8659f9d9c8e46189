/* SPDX-License-Identifier: Apache-2.0 */
#include "service/relay_link.h"

#include "base/clock.h"
#include "base/hex.h"
#include "net/url.h"

enum { MAC_BYTES = 16, TOKEN_MAX = 8 << 10, NAME_MAX_BYTES = 64 };
#define LINK_LIFE_MS (24 * CLOCK_HOUR_MS)

static const struct str prefix = {"upstream:", 9};

static void sign(const struct key_ring *keys, struct str text, struct buf *out)
{
    unsigned char key[32], mac[SHA256_SIZE];
    key_ring_derive(keys, "upstream-link", key);
    crypto_hmac_sha256((struct str){(char *)key, sizeof(key)}, text, mac);
    mem_wipe(key, sizeof(key));
    base64_encode(out, (struct str){(char *)mac, MAC_BYTES}, true);
}

struct str relay_link_target(struct arena *a, struct str address)
{
    struct url url;
    struct err ignored;
    if (url_parse(address, a, &url, &ignored) != OK)
        return STR_NONE;
    if (!url.query.p)
        return url.path;
    return arena_printf(a, "%.*s?%.*s", STR_ARG(url.path), STR_ARG(url.query));
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* What a download is called: the path's last part, if it is a plain word. */
static struct str name_of(struct str target)
{
    struct str path = str_cut(&target, '?'), name = path;
    while (path.p)
        name = str_cut(&path, '/');
    if (!name.p || name.n == 0 || name.n > NAME_MAX_BYTES || name.p[0] == '.')
        return STR("media");
    for (size_t i = 0; i < name.n; i++) {
        if (!is_plain(name.p[i]))
            return STR("media");
    }
    return name;
}

struct str relay_link_sign(const struct key_ring *keys, struct arena *a, struct str origin,
                           const struct relay_link *link, int64_t now_ms)
{
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(TOKEN_MAX), token = BUF_INIT(TOKEN_MAX);
    /* By the hour, so that a link stays the same for a while. */
    int64_t hour_ms = (now_ms / CLOCK_HOUR_MS + 1) * CLOCK_HOUR_MS;
    if (!link->target.p)
        return STR_NONE;
    buf_addf(&text, "%lld", (long long)link->account_id);
    if (link->job_id)
        buf_addf(&text, " %lld %lld", (long long)link->job_id, (long long)link->place);
    buf_addf(&text, "\n%lld\n", (long long)(hour_ms + LINK_LIFE_MS) / 1000);
    buf_add(&text, link->target); /* whatever it holds: all of it is signed */
    base64_encode(&token, buf_str(&text), true);
    buf_add_char(&token, '.');
    sign(keys, buf_str(&text), &token);
    if (buf_failed(&text) || buf_failed(&token))
        return STR_NONE;
    return arena_printf(a, "%.*s/media/upstream/%.*s/%.*s", STR_ARG(origin),
                        STR_ARG(buf_str(&token)), STR_ARG(name_of(link->target)));
}

/* "<account> <job> <place>", or the account alone. */
static bool read_origin(struct str text, struct relay_link *ret)
{
    struct str account = str_cut(&text, ' '), job = str_cut(&text, ' ');
    ret->job_id = ret->place = 0;
    return str_to_i64(account, &ret->account_id) &&
           (!job.p || (str_to_i64(job, &ret->job_id) && str_to_i64(text, &ret->place)));
}

/* "<origin>\n<expiry>\n<target>" */
static bool read_text(struct str text, struct relay_link *ret, int64_t *ret_expiry_s)
{
    struct str origin = str_cut(&text, '\n'), expiry = str_cut(&text, '\n');
    ret->target = text;
    return read_origin(origin, ret) && str_to_i64(expiry, ret_expiry_s) && text.n &&
           text.p[0] == '/';
}

enum status relay_link_open(const struct key_ring *keys, struct arena *a, struct str token,
                            struct str name, int64_t now_ms, struct relay_link *ret,
                            struct err *err)
{
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(TOKEN_MAX), mac = BUF_INIT(TOKEN_MAX);
    _cleanup_(buf_cleanup) struct buf plain = BUF_INIT(2 * TOKEN_MAX);
    struct str body = str_cut(&token, '.');
    int64_t expiry_s;
    if (!base64_decode(&text, body))
        return err_set(err, E_FORBIDDEN, "bad_link");
    /* Bits that base64 leaves over are no way to write one link twice. */
    if (!base64_encode(&plain, buf_str(&text), true) || !str_eq(buf_str(&plain), body))
        return err_set(err, E_FORBIDDEN, "bad_link");
    sign(keys, buf_str(&text), &mac);
    bool genuine = buf_len(&mac) == token.n && crypto_equal(buf_str(&mac).p, token.p, token.n);
    struct str own = genuine ? arena_str(a, buf_str(&text)) : STR_NONE;
    if (!own.p || !read_text(own, ret, &expiry_s) || !str_eq(name, name_of(ret->target)))
        return err_set(err, E_FORBIDDEN, "bad_link");
    return expiry_s * 1000 < now_ms ? err_set(err, E_GONE, "link_ended") : OK;
}

struct str relay_link_refer(struct arena *a, int64_t account_id, struct str url)
{
    struct str target = relay_link_target(a, url);
    if (!target.p)
        return STR_NONE;
    return arena_printf(a, "%.*s%lld:%.*s", STR_ARG(prefix), (long long)account_id,
                        STR_ARG(target));
}

bool relay_link_read(struct str reference, struct relay_link *ret)
{
    if (!str_starts(reference, prefix))
        return false;
    struct str rest = str_from(reference, prefix.n), account = str_cut(&rest, ':');
    *ret = (struct relay_link){.target = rest};
    return str_to_i64(account, &ret->account_id) && rest.n && rest.p[0] == '/';
}

static const struct str object_prefix = {"object:", 7};

struct str relay_link_refer_object(struct arena *a, int64_t object_id)
{
    return arena_printf(a, "%.*s%lld", STR_ARG(object_prefix), (long long)object_id);
}

bool relay_link_read_object(struct str reference, int64_t *ret_object_id)
{
    return str_starts(reference, object_prefix) &&
           str_to_i64(str_from(reference, object_prefix.n), ret_object_id);
}
