/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* answer — the way out of every answer, and the one place where rules spoil it.
 *
 * Thread: the loop's.  A handler either gives the whole body at once or streams; in
 * between stands the rule of the request: delay, hold, stall, drip, cut, truncation, a
 * wrong length, malformed bytes.  All that leaves is entered in the journal. */
#include "base/arena.h"
#include "demo/fault.h"
#include "demo/journal.h"
#include "net/server.h"

enum { ANSWER_MAX_HEADERS = 40, ANSWER_QUEUE_MAX = 8 * 1024 * 1024 };

struct answer {
    struct exchange *x;
    struct loop *loop;
    struct arena *arena;       /* lives as long as the answer */
    struct record *record;     /* may be NULL */
    const struct fault *fault; /* may be NULL */
    struct counts *counts;

    int status;
    struct http_header headers[ANSWER_MAX_HEADERS];
    size_t header_count;
    int64_t length; /* as stated */
    struct str whole;
    struct buf queue; /* of a stream */
    size_t events;
    uint64_t sent, hold_at, stall_at;
    bool streaming, begun, head_sent, ended, over, was_cut;
    bool delayed, was_held, held, blocked;
    struct timer timer, cut_timer;
};

void answer_init(struct answer *a, struct exchange *x, struct arena *arena);
void answer_release(struct answer *a);
/* After the request was matched. */
void answer_set_fault(struct answer *a, const struct fault *fault);

/* Before the answer; a header of the same name is replaced.  Texts live as long as the answer. */
void answer_header(struct answer *a, const char *name, struct str value);
/* body lives as long as the answer. */
void answer_send(struct answer *a, int status, struct str type, struct str body);

/* Server-sent events; then any number of pieces; then the end. */
void answer_stream(struct answer *a);
void answer_event(struct answer *a, struct str data);
void answer_comment(struct answer *a, struct str text);
void answer_end(struct answer *a);
/* All that was written so far goes out; the rest waits as under a rule's "hold_at". */
void answer_hold_here(struct answer *a);

/* Ends the connection now. */
void answer_cut(struct answer *a, bool reset);
/* A held one goes on; false when it was not held. */
bool answer_go(struct answer *a);
/* From the exchange's on_drain. */
void answer_drained(struct answer *a);
