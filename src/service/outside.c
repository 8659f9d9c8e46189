/* SPDX-License-Identifier: Apache-2.0 */
#include "service/outside.h"

#include <stdio.h>

#include "base/clock.h"
#include "store/settings.h"

/* A row of the settings table that is no setting. */
#define MARK_KEY "_changed_outside"

static bool is_needed(struct db_conn *db)
{
    return db_engine_of(db_conn_db(db)) == DB_SQLITE;
}

enum status outside_note(struct db_conn *db, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    char mark[UUID_SIZE];
    if (!is_needed(db))
        return OK;
    crypto_uuid(mark);
    TRY(db_begin(tx, err));
    TRY(settings_row_put(tx, MARK_KEY, str_of(mark), clock_wall_ms(), err));
    return db_commit(tx, err);
}

enum status outside_look(struct db_conn *db, struct outside_mark *mark, bool *ret_changed,
                         struct err *err)
{
    *ret_changed = false;
    if (!is_needed(db))
        return OK;
    char text[UUID_SIZE];
    TRY(settings_row_text(db, MARK_KEY, text, sizeof(text), err));
    *ret_changed = !str_eq(str_of(text), str_of(mark->text));
    snprintf(mark->text, sizeof(mark->text), "%s", text);
    return OK;
}
