/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses made from other addresses: references in answers (RFC 3986 5.2) and an
 * account's base_url with an endpoint's path (AC-2). */
#include "net/url.h"

enum { SEGMENTS_MAX = 64 };

static enum status no_room(struct err *err)
{
    return err_set(err, E_NO_MEMORY, "no_memory");
}

/* ---- references ---- */

/* RFC 3986 3.1: ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) ":" */
static bool has_scheme(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (alpha || (i > 0 && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            continue;
        return c == ':' && i > 0;
    }
    return false;
}

/* The base's path up to its last slash. */
static struct str folder_of(struct str path)
{
    while (path.n > 0 && path.p[path.n - 1] != '/')
        path.n--;
    return path;
}

enum status url_resolve(const struct url *base, struct str reference, struct arena *a,
                        struct url *ret, struct err *err)
{
    if (has_scheme(reference))
        return url_parse(reference, a, ret, err);
    ptrdiff_t fragment = str_find_char(reference, '#');
    if (fragment >= 0)
        reference = str_to(reference, (size_t)fragment);
    if (reference.n == 0) {
        *ret = *base;
        return OK;
    }
    struct str origin = url_origin(base, a), text;
    if (!origin.p)
        return no_room(err);
    struct str path = STR_NONE;
    if (str_starts(reference, STR("//")))
        origin = base->https ? STR("https:") : STR("http:");
    else if (reference.p[0] == '?')
        path = base->path;
    else if (reference.p[0] != '/')
        path = folder_of(base->path);
    text = arena_printf(a, "%.*s%.*s%.*s", STR_ARG(origin), STR_ARG(path), STR_ARG(reference));
    return text.p ? url_parse(text, a, ret, err) : no_room(err);
}

/* ---- base_url and an endpoint ---- */

struct segments {
    struct str at[SEGMENTS_MAX];
    size_t count;
};

/* Empty segments (doubled and trailing slashes) are dropped. */
static bool segments_of(struct str path, struct segments *ret)
{
    ret->count = 0;
    while (path.p) {
        struct str segment = str_cut(&path, '/');
        if (segment.n == 0)
            continue;
        if (ret->count == SEGMENTS_MAX)
            return false;
        ret->at[ret->count++] = segment;
    }
    return true;
}

/* "v1", "v2" … */
static bool is_version(struct str s)
{
    return s.n >= 2 && s.p[0] == 'v' && s.p[1] >= '0' && s.p[1] <= '9';
}

static bool run_equals(const struct segments *a, size_t from_a, const struct segments *b,
                       size_t from_b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(a->at[from_a + i], b->at[from_b + i]))
            return false;
    }
    return true;
}

/* How many segments at the base's end the endpoint repeats.  They may stand at the
 * endpoint's start ("…/sora/v1" + "/sora/v1/models") or end with its version
 * ("…/v1" + "/sora/v1/models"): then the base was given without what comes before. */
static size_t repeated(const struct segments *base, const struct segments *end)
{
    size_t head = 0;
    while (head < end->count && !is_version(end->at[head]))
        head++;
    for (size_t n = MIN(base->count, end->count); n > 0; n--) {
        if (run_equals(base, base->count - n, end, 0, n))
            return n;
        if (head < end->count && n <= head + 1 &&
            run_equals(base, base->count - n, end, head + 1 - n, n))
            return n;
    }
    return 0;
}

static bool add_segments(struct buf *out, const struct segments *s, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!buf_add_char(out, '/') || !buf_add(out, s->at[i]))
            return false;
    }
    return true;
}

/* The base's own query ("?api-version=…") stays. */
static struct str joined_query(struct str base, struct str endpoint, struct arena *a)
{
    if (!base.p || !endpoint.p)
        return endpoint.p ? arena_str(a, endpoint) : base;
    return arena_printf(a, "%.*s&%.*s", STR_ARG(base), STR_ARG(endpoint));
}

enum status url_join_endpoint(const struct url *base, struct str endpoint, struct arena *a,
                              struct url *ret, struct err *err)
{
    struct segments have = {0}, want = {0};
    _cleanup_(buf_cleanup) struct buf path = BUF_INIT(16384);
    struct str query = endpoint, endpoint_path = str_cut(&query, '?');

    if (!segments_of(base->path, &have) || !segments_of(endpoint_path, &want))
        return err_say(err, E_INVALID, "url_invalid", "The address has too many parts.");
    if (!add_segments(&path, &have, have.count - repeated(&have, &want)) ||
        !add_segments(&path, &want, want.count))
        return no_room(err);
    struct url joined = *base;
    joined.path = arena_str(a, path.end ? buf_str(&path) : STR("/"));
    joined.query = joined_query(base->query, query, a);
    if (!joined.path.p || (!joined.query.p && (base->query.p || query.p)))
        return no_room(err);
    *ret = joined;
    return OK;
}
