/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* oauth_flows — the table of sign-ins at upstreams that are under way (SPEC AC-3): any node may
 * take up what another has begun.
 *
 * A row is found by the hash of what its owner holds, belongs to one administrator, ends with its
 * time and is taken once.  Thread: the connection's. */
#include "base/arena.h"
#include "base/err.h"
#include "platform/db.h"

enum { OAUTH_FLOWS_PER_USER = 20 };

struct oauth_flow_row {
    struct str token_hash, kind; /* "state" or "grant" */
    int64_t user_id;
    struct str sealed;
    int64_t created_at, expires_at; /* wall ms */
};

/* The oldest above OAUTH_FLOWS_PER_USER go. */
enum status oauth_flows_insert(struct db_conn *tx, const struct oauth_flow_row *row,
                               struct err *err);
/* Out of the table.  E_INVALID, code "oauth_state_invalid": not there, another's, or over. */
enum status oauth_flows_take(struct db_conn *tx, struct str token_hash, struct str kind,
                             int64_t user_id, int64_t now, struct arena *a, struct str *ret_sealed,
                             struct err *err);
enum status oauth_flows_remove_old(struct db_conn *tx, int64_t now, struct err *err);
