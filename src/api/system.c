/* SPDX-License-Identifier: Apache-2.0 */
/* What programs that watch over this one ask for (AD-3). */
#include "api/handlers.h"
#include "base/embedded.h"
#include "net/send_file.h"
#include "platform/crypto.h"
#include "service/metrics.h"

enum status system_ready(struct call *c, struct err *err)
{
    int64_t one;
    bool found;
    if (db_query_int(c->db, "SELECT 1", DB_NO_ARGS, &one, &found, err) != OK)
        return err_say(err, E_UNAVAILABLE, "not_ready", "The database does not answer.");
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_z(j, "status", "ready");
    json_object_end(j);
    return OK;
}

static void send_openapi(struct exchange *x, struct call *c)
{
    (void)c;
    send_embedded(x, &embedded_docs[0], NULL, 0);
}

enum status system_openapi(struct call *c, struct err *err)
{
    if (embedded_docs_count == 0)
        return err_set(err, E_NOT_FOUND, "no_such_address");
    c->takeover = send_openapi;
    return OK;
}

/* ---- metrics: for this machine, or for whoever has the token */

/* A proxy on this machine makes every client look local, but says that it is one. */
static bool is_local(const struct call *c)
{
    bool loopback = str_eq(c->peer, STR("127.0.0.1")) || str_eq(c->peer, STR("::1"));
    return loopback && !http_head_get(c->head, STR("x-forwarded-for")).p &&
           !http_head_get(c->head, STR("forwarded")).p;
}

static bool has_token(const struct call *c)
{
    struct str given = http_head_get(c->head, STR("authorization"));
    struct str token = c->settings->metrics_token;
    if (!token.n || !str_starts(given, STR("Bearer ")))
        return false;
    given = str_from(given, 7);
    return given.n == token.n && crypto_equal(given.p, token.p, token.n);
}

enum status system_metrics(struct call *c, struct err *err)
{
    if (!is_local(c) && !has_token(c))
        return err_set(err, E_NOT_FOUND, "no_such_address");
    c->status = 200;
    call_header(c, "content-type", STR("text/plain; version=0.0.4; charset=utf-8"));
    call_header(c, "cache-control", STR("no-store"));
    return metrics_write(c->db, &c->out, err);
}
