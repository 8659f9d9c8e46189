/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* job_watch — an answer that follows a job: told, on its loop, when to read the row anew.
 *
 * By events, each of which means "it may have changed", and now and then besides, since an
 * event may be missed.  When the process ends with a successor beside it, the job goes on
 * there and is looked at every second; without one the answer cannot be ended here.
 *
 * Thread: the loop's.  Storage is the owner's, who fills the two calls (and beat, if it
 * wants one), and stops it before it goes. */
#include "net/loop.h"
#include "service/app.h"

struct subscriber;

struct job_watch {
    void (*look)(struct job_watch *w);
    /* The process ends, and the job goes on in the next one. */
    void (*closing)(struct job_watch *w);
    /* Before the look that comes by time alone; may be NULL. */
    void (*beat)(struct job_watch *w);
    /* Its own. */
    struct loop *loop;
    struct subscriber *subscriber;
    struct timer timer;
    int64_t pause_ms;
};

/* Does not look by itself: what has changed before is the owner's to read. */
void job_watch_start(struct job_watch *w, struct app *app, struct loop *loop, int64_t job_id);
/* Nothing is called afterwards.  Again, or without a start: nothing. */
void job_watch_stop(struct job_watch *w);
