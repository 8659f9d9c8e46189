/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* relay_impl — what the files of the relay share; nobody else includes it.
 *
 *   relay.c          admission, the body's way in, choosing an account
 *   relay_call.c     one call upstream: its words, its body, its answer
 *   relay_media.c    media by a signed link, on its own
 *   relay_refusal.c  what became of the attempts, and what to say when none is left
 *
 * A relay is freed in the exchange's on_done and nowhere else. */
#include "net/scan_json.h"
#include "net/server.h"
#include "net/upstream.h"
#include "service/relay.h"
#include "service/spool.h"

enum {
    RELAY_WAIT_MS = 30000, /* GW-4: in line */
    RELAY_SWITCHES = 3,    /* GW-5 */
    RELAY_CONNECT_MS = 10000,
    RELAY_FIRST_BYTE_STREAM_MS = 120000,
    RELAY_LONG_MS = 30 * 60000, /* GW-13: an answer in all; GW-5: the first byte of JSON */
    RELAY_REFUSAL_BYTES = 64 << 10,
    RELAY_FIELD_MAX = 128,
};

/* A field of the upstream's answer that the client gets. */
struct relay_field {
    struct str name;
    bool list; /* may come in several lines, and all of them count */
};
/* At most max of them, and none that is empty: it would say nothing in place of what we say.  Of a
 * field that may stand once only, the first: two that differ must not go on (RFC 9110 5.3). */
size_t relay_keep_fields(const struct http_head *head, const struct relay_field *kept, size_t count,
                         struct http_header *ret, size_t max);

/* RELAY_WAITING: for a slot, or for the account's token. */
enum relay_phase { RELAY_INTAKE, RELAY_WAITING, RELAY_CALLING, RELAY_PASSING, RELAY_OVER };

/* A refusing answer while it is read; what of its head must survive until it is judged. */
struct relay_answer {
    int status;
    int64_t retry_after_ms, length;
    char type[RELAY_FIELD_MAX], encoding[RELAY_FIELD_MAX], request_id[RELAY_FIELD_MAX];
    struct buf body;
};

/* What became of the attempts so far. */
struct relay_failures {
    bool any, other_than_429;
    int64_t retry_after_ms; /* of 429: the nearest */
    char *text;             /* of the last that was no 429, else of the last; NULL: none */
};

struct relay {
    struct relay_host host;
    struct exchange *x;
    enum relay_phase phase;
    struct relay_caller caller;
    struct pool_want want;
    struct pool_slot slot;
    struct pool_waiter *waiter;
    struct token_waiter *token_waiter;
    bool renewed; /* this account's token, for this call: once is enough */
    struct upstream_call *call;
    struct timer deadline;
    int64_t called_ms; /* the loop's, when this attempt began */
    int switches, status;
    bool ended;                  /* the client's body is whole */
    bool sending;                /* the body goes up in pieces */
    bool upward_full;            /* … and the upstream's connection has no room now */
    bool client_full;            /* the client's connection has no room now */
    bool held_back;              /* … and the upstream has had to wait for it */
    struct relay_answer *answer; /* NULL: none is being collected */
    struct relay_failures failures;
    struct scan_json scan;
    struct spool spool;
};

/* relay.c */
/* Takes an account, waits for one, or gives up. */
void relay_choose(struct relay *r);
/* The account held has failed: it is given back so marked, and another is asked, if any. */
void relay_next(struct relay *r, enum pool_outcome outcome, int64_t retry_after_ms);
/* Asks for another token for the account held, and for the call again when it is there; false:
 * that cannot help. */
bool relay_renew_token(struct relay *r);
void relay_refuse(struct relay *r, int http_status, const struct err *err);
/* The slot goes back, if one is held. */
void relay_give_back(struct relay *r, enum pool_outcome outcome, int64_t retry_after_ms);

/* relay_call.c */
void relay_call_start(struct relay *r);
/* More of the body can go up. */
void relay_call_pump(struct relay *r);

/* relay_refusal.c */
struct relay_answer *relay_answer_new(const struct http_head *head);
void relay_answer_free(struct relay_answer *a);
/* The 404 says that the model is unknown (GW-5). */
bool relay_answer_lacks_model(const struct relay_answer *a);
/* Notes a refusal, or (a NULL) a fault of the connection; secret: never to be repeated. */
void relay_note_answer(struct relay_failures *f, const struct relay_answer *a, struct str secret);
void relay_note_fault(struct relay_failures *f, const char *words);
/* GW-6: what to say, by what the attempts met and what the pool says of the rest. */
void relay_judge(const struct relay *r, enum pool_result pool, int64_t retry_ms, struct err *ret);
