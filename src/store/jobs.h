/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* jobs — rows of the engine.  Every write by a lease's holder carries its fencing number;
 * a stale number changes nothing and answers E_CONFLICT, code "lease_lost". */
#include "base/arena.h"
#include "base/err.h"
#include "model/job.h"
#include "platform/db.h"

/* Inserts as queued and fills j->id.  E_AUTH, code "invalid_api_key": the key that it is for has
 * been deleted since its call was let in. */
enum status job_insert(struct db_conn *tx, struct job *j, struct err *err);
/* E_NOT_FOUND, code "job_not_found". */
enum status job_load(struct db_conn *db, int64_t id, struct arena *a, struct job *ret,
                     struct err *err);

/* A row that nobody holds and whose time has come. */
struct job_due {
    int64_t id, account_id, group_id, pinned_to;
    int64_t user_id, turn; /* of its user's that wait for the same, the how-manyth: 1 … */
    enum job_state state;
    bool ungrouped;
    struct str model, tried_accounts; /* in the arena */
};
/* Those that have begun, and those that have waited too long, the longest due first; but for
 * what stands in `busy` as ",state:account,".  id, state and account_id only. */
enum status job_list_due(struct db_conn *db, int64_t now_ms, struct str busy, struct job_due *ret,
                         size_t max, size_t *ret_count, struct err *err);
/* Those that wait for an account: of each want (group, pin, model, tried) the first `each`, and
 * the first of every want before the second of any.  A want's are in turns: every user's oldest
 * before the second of any, so that nobody's many hide another's one. */
enum status job_list_waiting(struct db_conn *db, int64_t now_ms, int64_t each, struct arena *a,
                             struct job_due *ret, size_t max, size_t *ret_count, struct err *err);
/* Claims those of n rows that are still due and in their state, for `owner` until
 * lease_until: raises the row's fence by one and sets the claim's; one that is not due any
 * more gets 0.  One transaction. */
struct job_claim {
    int64_t id, fence, account_id;
    enum job_state state;
};
enum status job_claim(struct db_conn *db, struct str owner, int64_t now_ms, int64_t lease_until_ms,
                      struct job_claim *claims, size_t n, struct err *err);
/* Prolongs the leases of claims that are still their holder's. */
enum status job_keep_leases(struct db_conn *db, const struct job_claim *claims, size_t n,
                            int64_t lease_until_ms, struct err *err);
/* False when it has ended, or is not there any more. */
enum status job_is_live(struct db_conn *db, int64_t id, bool *ret, struct err *err);
/* Ends all leases but those of owner.  One process owns an SQLite file: whatever other lease is in
 * it is a dead process's. */
enum status job_void_leases(struct db_conn *db, struct str owner, struct err *err);

/* The step's outcome: writes state, account, tried, ids, progress, result, error, attempts,
 * next_at, submitted_at, missing_since, ended_at, remove_at from *j where the fence is still
 * j->fence, by job_may_move() only.  keep_lease: the holder goes on (streaming); else it is
 * released. */
enum status job_save(struct db_conn *tx, const struct job *j, enum job_state from, bool keep_lease,
                     struct err *err);
/* Whether one more job may run upstream at the account, by its limit and the live rows of all
 * nodes; the account's row stays locked until tx ends, so that two cannot both take the last
 * place.  E_LIMIT, code "account_full". */
enum status job_take_place(struct db_conn *tx, int64_t account_id, struct err *err);
/* Of an ended job that has one: its links have been renewed. */
enum status job_renew_result(struct db_conn *db, int64_t id, struct str result, struct err *err);
/* Upwards only, under the fence. */
enum status job_set_progress(struct db_conn *tx, int64_t id, int64_t fence, int64_t progress,
                             bool *ret_changed, struct err *err);
/* Gives a claim back untouched, due at next_at. */
enum status job_release(struct db_conn *db, int64_t id, int64_t fence, int64_t next_at_ms,
                        struct err *err);
/* By its owner, whoever holds it: ended, fence raised so that every late write is stale.
 * E_CONFLICT, code "already_finished". */
enum status job_end_by_owner(struct db_conn *tx, int64_t id, int64_t now_ms, struct err *err);
/* The live job of a generation; 0 without one. */
enum status job_of_generation(struct db_conn *db, int64_t generation_id, int64_t *ret_id,
                              struct err *err);
/* From 1: among those of the same group that wait. */
enum status job_place_in_line(struct db_conn *db, int64_t generation_id, int64_t *ret,
                              struct err *err);
/* Jobs of API keys whose caller waits, or which wait for an account: one user's, and all. */
enum status job_count_direct(struct db_conn *db, int64_t user_id, int64_t *ret_of_user,
                             int64_t *ret_all, struct err *err);
/* E_NOT_FOUND, code "job_not_found". */
enum status job_load_public(struct db_conn *db, struct str public_id, struct arena *a,
                            struct job *ret, struct err *err);
/* A user's jobs of one kind, at most max, in the order they were made; result says only that
 * there is one. */
struct job_page {
    enum job_kind kind;
    int64_t after_id; /* those behind this one in that order; 0: from the beginning */
    bool oldest_first;
};
enum status job_list_of_user(struct db_conn *db, int64_t user_id, const struct job_page *page,
                             struct arena *a, struct job *ret, size_t max, size_t *ret_count,
                             struct err *err);
/* One more image that it was given as bytes: a free object beside input_object_id. */
enum status job_add_input(struct db_conn *tx, int64_t id, int64_t object_id, struct err *err);
/* The images it was given as bytes are not needed any more. */
enum status job_drop_input(struct db_conn *tx, int64_t id, int64_t now_ms, struct err *err);
/* A free object that is part of the job's result, and goes with its row, or at until_ms. */
enum status job_add_result(struct db_conn *tx, int64_t id, int64_t object_id, int64_t until_ms,
                           struct err *err);
/* Those have been given out, and nobody can ask for them again. */
enum status job_drop_results(struct db_conn *tx, int64_t id, int64_t now_ms, struct err *err);
/* Those become the generation's, and stay until until_ms, whatever becomes of the row. */
enum status job_hand_results(struct db_conn *tx, int64_t id, int64_t generation_id,
                             int64_t until_ms, struct err *err);
/* The row, and such images and results with it. */
enum status job_remove(struct db_conn *tx, int64_t id, int64_t now_ms, struct err *err);
/* Removes ended rows that are due for it, and queues the images that only they needed. */
enum status job_remove_old(struct db_conn *db, int64_t now_ms, struct err *err);
/* Live jobs a user has, for its deletion. */
enum status job_live_of_user(struct db_conn *db, int64_t user_id, int64_t *ret_ids, size_t max,
                             size_t *ret_count, struct err *err);
