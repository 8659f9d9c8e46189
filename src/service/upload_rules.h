/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upload_rules — who may upload what, and which rows a received upload becomes (SPEC UP-1, UP-3,
 * UP-5, UP-6).
 *
 * Receiving (service/uploads.h) asks these two in this order: upload_rules_limits() before the
 * first byte; then it reserves room by service/quota, which refuses what counts as COUNTER_UPLOAD
 * by E_TOO_LARGE, code "upload_quota_exceeded"; takes the bytes; and, in one transaction, settles
 * the object (and a video's poster, as a free object) and calls upload_rows_insert(). */
#include "model/upload.h"
#include "platform/crypto.h"
#include "platform/db.h"
#include "service/app.h"

/* What a file of this kind may be for this user's tier.  E_FORBIDDEN, code
 * "upload_sub_type_off": scene or other, which the administrator's list does not have. */
enum status upload_rules_limits(struct app *app, struct db_conn *db, int64_t user_id,
                                enum upload_sub_type sub_type, struct upload_limits *ret,
                                struct err *err);
/* The generations row and its generation_images or generation_videos row, in a transaction that
 * holds the owner's lock.  ret_uuid: the generations row's, which is the answer's upload_uuid.
 * Of a reference, which has no row, the object's first use is noted, and ret_uuid is empty. */
enum status upload_rows_insert(struct db_conn *tx, const struct upload_record *r,
                               char ret_uuid[UUID_SIZE], struct err *err);
