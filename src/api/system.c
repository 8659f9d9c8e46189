/* SPDX-License-Identifier: Apache-2.0 */
/* What programs that watch over this one ask for (AD-3). */
#include "api/handlers.h"
#include "base/embedded.h"
#include "net/send_file.h"

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
