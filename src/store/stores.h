/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* stores — where objects lie: each bucket that the settings have ever named, and each media
 * folder; and which running nodes have which folder (SG-5, SG-7).
 *
 * A bucket is its endpoint and its name; what opens it follows the settings as long as they name
 * it, and stays as it was then, until nothing has named the bucket for a day: its key goes then.
 * Rows are never removed: objects and deletions name them by their number, where 0 is the one of
 * its kind that is present.
 *
 * Thread: the connection's.  Calls with a connection named `tx` need an open transaction. */
#include "base/arena.h"
#include "platform/db.h"

struct store_row {
    int64_t id;
    struct str endpoint, bucket, region, access_key_id;
    struct str secret_access_key; /* sealed, as the setting of this name is; empty: dropped */
    struct str cdn_url, ca_pem;
    bool force_path_style;
};

/* Makes, or brings up to date, the row of the bucket that the rows of the settings name; nothing
 * while they are not complete. */
enum status store_keep_present(struct db_conn *tx, int64_t now_ms, struct err *err);
/* The number of that row; 0: there is none. */
enum status store_find_present(struct db_conn *db, int64_t *ret, struct err *err);
/* E_NOT_FOUND, code "store_not_found". */
enum status store_load(struct db_conn *db, int64_t id, struct arena *a, struct store_row *ret,
                       struct err *err);
/* Views live until fn returns; what it returns ends the reading. */
typedef enum status store_secret_fn(void *ctx, struct str sealed, struct err *err);
enum status store_each_secret(struct db_conn *db, store_secret_fn *fn, void *ctx, struct err *err);
/* Notes since when neither the settings nor an object or a deletion have named a bucket, and drops
 * the keys of those that have not been named since before `before_ms`: a transfer that began in
 * time has its row by then. */
enum status store_drop_unused(struct db_conn *tx, int64_t now_ms, int64_t before_ms,
                              int64_t *ret_dropped, struct err *err);
/* The row of the media folder with this mark, made where there is none. */
enum status store_of_folder(struct db_conn *tx, const char *mark, int64_t now_ms, int64_t *ret,
                            struct err *err);
/* The same, and makes none: 0. */
enum status store_find_folder(struct db_conn *db, const char *mark, int64_t *ret, struct err *err);

/* A node runs, with this folder; rows that were seen before gone_ms are removed. */
enum status node_seen(struct db_conn *tx, const char *node, int64_t store_id, int64_t now_ms,
                      int64_t gone_ms, struct err *err);
enum status node_gone(struct db_conn *tx, const char *node, struct err *err);
/* Whether one runs, seen since then, that has another folder. */
enum status node_is_apart(struct db_conn *db, int64_t store_id, int64_t since_ms, bool *ret,
                          struct err *err);
