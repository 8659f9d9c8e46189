/* SPDX-License-Identifier: Apache-2.0 */
#include "service/upload_rules.h"

#include "service/settings.h"
#include "store/ledger.h"
#include "store/uploads.h"

enum status upload_rules_limits(struct app *app, struct db_conn *db, int64_t user_id,
                                enum upload_sub_type sub_type, struct upload_limits *ret,
                                struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    struct ledger row;
    if (!upload_is_allowed(&settings->uploads, sub_type))
        return err_set(err, E_FORBIDDEN, "upload_sub_type_off");
    TRY(ledger_read(db, user_id, &row, err));
    *ret = upload_limits_of(&settings->uploads, row.group_id, sub_type);
    return OK;
}

enum status upload_rows_insert(struct db_conn *tx, const struct upload_record *r,
                               char ret_uuid[UUID_SIZE], struct err *err)
{
    if (!upload_has_uuid(r->sub_type)) {
        ret_uuid[0] = 0;
        return upload_use_reference(tx, r->object_id, r->created_at, err);
    }
    crypto_uuid(ret_uuid);
    return upload_insert(tx, r, str_of(ret_uuid), err);
}
