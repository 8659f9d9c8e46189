/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* audit — who did what to whom, kept in the transaction of the deed (SPEC AD-2). */
#include "base/err.h"
#include "platform/db.h"

/* Who acts.  Views live as long as the call. */
struct actor {
    int64_t user_id;    /* 0: the command line */
    int64_t session_id; /* 0: none */
    struct str email;
    struct str address; /* of the client; empty: none */
};
#define ACTOR_COMMAND_LINE                                                                         \
    {                                                                                              \
        .email = {"command line", 12}, .address = { "", 0 }                                        \
    }

enum { AUDIT_MAX_FIELDS = 48 };

/* What was done.  fields: the names of what was set, never the values. */
struct deed {
    const char *action; /* "user.update" */
    const char *kind;   /* of the target: "user", "settings" */
    int64_t id;         /* of the target; 0: there is only one */
    struct str name;    /* of the target, as it was then; empty: none */
    const char *fields[AUDIT_MAX_FIELDS];
    size_t field_count;
};
void deed_add_field(struct deed *d, const char *name);

/* Inside the transaction of the deed itself. */
enum status audit_note(struct db_conn *tx, const struct actor *actor, const struct deed *deed,
                       struct err *err);
