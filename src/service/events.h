/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* events — who wants to know that something changed, and telling them.
 *
 * A change is noted inside the transaction that makes it and travels by the database's
 * own notices, so every process hears of every change after its commit.  An event says
 * *what* changed, never its new value: whoever hears it reads the state anew.
 *
 * Thread: subscribers live on loops and are called there; notes come from workers. */
#include "base/err.h"
#include "net/loop.h"
#include "platform/db.h"
#include "service/app.h"

enum event_topic {
    TOPIC_USER, /* id: user; what: a generation, the quota or the sessions of that user */
    TOPIC_JOB,  /* id: job */
    TOPIC_SITE, /* id: 0; settings or accounts changed */
};

enum event_kind {
    EVENT_GENERATION,
    EVENT_GENERATION_GONE,
    EVENT_QUOTA,
    EVENT_SESSIONS,
    EVENT_JOB,
    EVENT_SITE,
    EVENT_MISSED,
    EVENT_CLOSING,
};

struct event {
    enum event_topic topic;
    enum event_kind kind; /* EVENT_MISSED: anything may have changed, read all anew */
    int64_t id;           /* of the topic */
    int64_t subject;      /* generation id; EVENT_CLOSING: as events_closing() says; else 0 */
};

enum status events_new(struct app *app, struct err *err);
void events_free(struct events *e);
/* The server stops: every subscriber hears EVENT_CLOSING, after whatever else waits for it,
 * and should let go.  With a successor (subject 1) the jobs go on meanwhile, in a process whose
 * notices need not be heard here: who follows one may look now and then instead. */
void events_closing(struct events *e, bool successor);

/* Inside an open transaction; delivered once it is committed. */
enum status events_note(struct db_conn *tx, enum event_topic topic, enum event_kind kind,
                        int64_t id, int64_t subject, struct err *err);

struct subscriber;
typedef void event_fn(void *ctx, const struct event *e);
/* The loop's thread.  Bursts of equal events arrive as one. */
struct subscriber *events_subscribe(struct events *e, struct loop *loop, enum event_topic topic,
                                    int64_t id, event_fn *fn, void *ctx);
/* How many subscribe to it in this process.  Any thread. */
size_t events_count(struct events *e, enum event_topic topic, int64_t id);
/* The loop's thread; nothing is called afterwards. */
void events_unsubscribe(struct subscriber *s);
/* The site changed in this process without a transaction of ours (an account's marks).
 * Any thread. */
void events_tell_site(struct events *e);
/* For those who are not on a loop: called on the database's notice thread; must not
 * block. */
void events_tap(struct events *e, event_fn *fn, void *ctx);
