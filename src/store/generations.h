/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* generations — rows of sora_generations.  Writers are inside a transaction. */
#include "base/arena.h"
#include "base/err.h"
#include "model/generation.h"
#include "platform/db.h"

/* Inserts as pending and fills g->id. */
enum status generation_insert(struct db_conn *tx, struct generation *g, struct err *err);
/* E_NOT_FOUND, also when it is another user's. */
enum status generation_load_owned(struct db_conn *db, int64_t user_id, int64_t id, struct arena *a,
                                  struct generation *ret, struct err *err);
enum status generation_load(struct db_conn *db, int64_t id, struct arena *a, struct generation *ret,
                            struct err *err);

/* Each list is a bit set over its enum; 0: all. */
struct generation_filter {
    int64_t user_id;
    unsigned statuses, storages, media;
    struct str search; /* in the prompt, folded by the engine's LIKE; STR_NONE: all */
};
enum { GENERATIONS_COUNT_MAX = 10000 };
/* Newest first.  Rows and their views are in the arena.  *ret_total stops counting at
 * GENERATIONS_COUNT_MAX. */
enum status generation_list(struct db_conn *db, const struct generation_filter *f, int64_t limit,
                            int64_t offset, struct arena *a, struct generation **ret,
                            size_t *ret_count, int64_t *ret_total, struct err *err);
/* pending and generating of one user. */
enum status generation_count_live(struct db_conn *db, int64_t user_id, int64_t *ret,
                                  struct err *err);

/* Moves by ST-2's table only; E_CONFLICT, code "already_finished", when the row is not in
 * a state that allows it. */
enum status generation_move(struct db_conn *tx, int64_t id, enum generation_status to,
                            int64_t now_ms, struct err *err);
/* Only ever upwards, only while generating; *ret_changed false otherwise. */
enum status generation_set_progress(struct db_conn *tx, int64_t id, int64_t progress,
                                    bool *ret_changed, struct err *err);
enum status generation_set_failure(struct db_conn *tx, int64_t id, const struct failure *failure,
                                   struct err *err);
/* What a completed one has: storage, links, keys, size, facts, expiry, reason. */
enum status generation_set_result(struct db_conn *tx, const struct generation *g, struct err *err);
/* Claims to save an upstream's work until then; *ret_claimed false: it is no such work any
 * more, or somebody else's live claim stands. */
enum status generation_claim_saving(struct db_conn *tx, int64_t id, int64_t now_ms,
                                    int64_t until_ms, bool *ret_claimed, struct err *err);
enum status generation_keep_saving(struct db_conn *tx, int64_t id, int64_t until_ms,
                                   struct err *err);
enum status generation_end_saving(struct db_conn *tx, int64_t id, struct err *err);
enum status generation_delete(struct db_conn *tx, int64_t id, struct err *err);

/* Mean time from start to completion of the last 20 completed of a model; 0: none yet. */
enum status generation_typical_ms(struct db_conn *db, struct str model, int64_t *ret,
                                  struct err *err);
