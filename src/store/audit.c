/* SPDX-License-Identifier: Apache-2.0 */
#include "store/audit.h"

#include "store/like.h"

static const char sql_insert[] =
    "INSERT INTO audit_log (actor_id, actor_email, action, target, detail, address, created_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)";

#define BY LIKE_EITHER("actor_email", "action", "$1")
#define TO LIKE_EITHER("target", "detail ->> 'name'", "$1")
#define FILTER                                                                                     \
    "FROM audit_log WHERE (" BY " OR " TO ") "                                                     \
    "AND (CAST($2 AS TEXT) = '' OR action = $2 OR action LIKE CAST($3 AS TEXT) ESCAPE '!') "       \
    "AND (CAST($4 AS BIGINT) = 0 OR actor_id = $4) AND created_at >= $5 AND created_at < $6"
static const char sql_count[] = "SELECT COUNT(*) " FILTER;
static const char sql_list[] =
    "SELECT id, actor_id, actor_email, action, target, CAST(detail AS TEXT), address, "
    "created_at " FILTER " ORDER BY id DESC LIMIT $7 OFFSET $8";

enum status audit_insert(struct db_conn *tx, const struct audit_row *row, struct err *err)
{
    return db_exec(tx, sql_insert,
                   DB_ARGS(P_INT_OR_NULL(row->actor_id), P_STR(row->actor_email),
                           P_STR(row->action), P_STR(row->target), P_STR(row->detail),
                           P_STR(row->address), P_INT(row->created_at)),
                   NULL, err);
}

static void read_row(const struct db_rows *rows, struct arena *a, struct audit_row *ret)
{
    *ret = (struct audit_row){
        .id = db_int(rows, 0),
        .actor_id = db_int(rows, 1),
        .actor_email = db_text_in(rows, 2, a),
        .action = db_text_in(rows, 3, a),
        .target = db_text_in(rows, 4, a),
        .detail = db_text_in(rows, 5, a),
        .address = db_text_in(rows, 6, a),
        .created_at = db_int(rows, 7),
    };
}

/* "user" → "user.%" */
static struct str actions_of(struct arena *a, struct str kind)
{
    struct str escaped = like_pattern(a, kind); /* "%user%" */
    return arena_printf(a, "%.*s.%%", (int)(escaped.n - 2), escaped.p + 1);
}

enum status audit_list(struct db_conn *db, const struct audit_filter *f, int64_t limit,
                       int64_t offset, struct arena *a, struct audit_row **ret, size_t *ret_count,
                       int64_t *ret_total, struct err *err)
{
    const struct db_param args[] = {
        P_STR(like_pattern(a, f->q)),
        P_STR(f->action.n ? f->action : STR("")),
        P_STR(f->action.n ? actions_of(a, f->action) : STR("")),
        P_INT(f->actor_id),
        P_INT(f->since),
        P_INT(f->until ? f->until : INT64_MAX),
        P_INT(limit),
        P_INT(offset),
    };
    struct audit_row *list = arena_alloc(a, (size_t)limit * sizeof(*list));
    if (!list)
        return err_set(err, E_NO_MEMORY, "no_memory");

    bool more;
    int64_t total;
    TRY(db_query_int(db, sql_count, args, 6, &total, &more, err));

    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t count = 0;
    TRY(db_query(db, sql_list, args, ARRAY_SIZE(args), &rows, err));
    TRY(db_next(rows, &more, err));
    while (more) {
        read_row(rows, a, &list[count++]);
        TRY(db_next(rows, &more, err));
    }
    *ret = list;
    *ret_count = count;
    *ret_total = total;
    return OK;
}
