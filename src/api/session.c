/* SPDX-License-Identifier: Apache-2.0 */
#include "api/session.h"

#include "api/origin.h"

/* --- the cookie ---------------------------------------------------------- */

static void set_cookie(struct call *c, const char *token, int64_t max_age_s)
{
    struct str value =
        arena_printf(c->arena, SESSION_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Lax%s",
                     token, (long long)max_age_s, c->https ? "; Secure" : "");
    call_header(c, "set-cookie", value);
}

void session_set_cookie(struct call *c, const char *token)
{
    set_cookie(c, token, SESSION_LIFE_MS / 1000);
}

void session_clear_cookie(struct call *c)
{
    set_cookie(c, "", 0);
}

/* --- whose request it is ------------------------------------------------- */

static bool changes_state(enum http_method m)
{
    return m != HTTP_GET && m != HTTP_HEAD && m != HTTP_OPTIONS;
}

static struct str authority_of(struct str origin)
{
    ptrdiff_t at = str_find(origin, STR("://"));
    return at < 0 ? STR_NONE : str_from(origin, (size_t)at + 3);
}

enum provenance { FROM_OUR_PAGE, FROM_ANOTHER_SITE, FROM_UNKNOWN };

/* A page of another site cannot set X-Requested-With without our consent (Fetch: no
 * simple header), nor forge Origin or Sec-Fetch-Site.  Scripts send none of the three. */
static enum provenance provenance_of(const struct call *c)
{
    struct str site = http_head_get(c->head, STR("sec-fetch-site"));
    struct str origin = http_head_get(c->head, STR("origin"));
    if (http_head_get(c->head, STR("x-requested-with")).p)
        return FROM_OUR_PAGE;
    if (site.p)
        return str_eq(site, STR("same-origin")) ? FROM_OUR_PAGE : FROM_ANOTHER_SITE;
    if (!origin.p)
        return FROM_UNKNOWN;
    struct str authority = authority_of(origin);
    bool ours = authority.n > 0 && (str_eq_ci(authority, c->head->host) ||
                                    str_eq_ci(authority, authority_of(c->origin)));
    return ours ? FROM_OUR_PAGE : FROM_ANOTHER_SITE;
}

/* Signing in is watched too: another site must not sign a browser in as somebody else. */
static enum status check_provenance(const struct call *c, bool by_token, struct err *err)
{
    if (by_token || !changes_state(c->head->method))
        return OK;
    enum provenance from = provenance_of(c);
    if (from == FROM_ANOTHER_SITE || (from == FROM_UNKNOWN && c->who.by_cookie))
        return err_set(err, E_FORBIDDEN, "csrf");
    return OK;
}

/* What another scheme says is not for us: a proxy before us may ask for Basic. */
static bool read_bearer(struct str authorization, struct str *ret_token)
{
    struct str scheme = str_cut(&authorization, ' ');
    *ret_token = str_trim(authorization);
    return str_eq_ci(scheme, STR("bearer"));
}

static enum status find_who(struct call *c, struct str token, bool by_cookie, struct err *err)
{
    bool found, renewed;
    TRY(identity_find(c->db, token, &c->who, &found, &renewed, err));
    c->who.by_cookie = found && by_cookie;
    /* The cookie's own time is renewed where no handler sets another one. */
    if (renewed && by_cookie && !changes_state(c->head->method))
        session_set_cookie(c, arena_strz(c->arena, token));
    return OK;
}

enum status session_find_origin(struct call *c, struct err *err)
{
    struct origin seen;
    TRY(origin_of(c->settings, c->peer, c->head, c->arena, &seen, err));
    c->client_address = seen.client_address;
    c->origin = seen.text;
    c->https = seen.https;
    return OK;
}

enum status session_find_caller(struct call *c, struct err *err)
{
    struct str token;
    bool by_token = read_bearer(http_head_get(c->head, STR("authorization")), &token);
    struct str cookie = http_cookie_get(http_head_get(c->head, STR("cookie")), STR(SESSION_COOKIE));
    TRY(session_find_origin(c, err));
    if (by_token)
        TRY(find_who(c, token, false, err));
    else if (cookie.p)
        TRY(find_who(c, cookie, true, err));
    return check_provenance(c, by_token, err);
}

struct actor call_actor(const struct call *c)
{
    return (struct actor){
        .user_id = c->who.user_id,
        .session_id = c->who.session_id,
        .email = str_of(c->who.email),
        .address = c->client_address,
    };
}

struct visitor call_visitor(const struct call *c)
{
    return (struct visitor){
        .address = c->client_address,
        .user_agent = http_head_get(c->head, STR("user-agent")),
    };
}
