/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job_watch.h"

#include "base/mem.h"
#include "service/events.h"

enum { HEARTBEAT_MS = 10000, LOOK_MS = 1000 };

static void on_event(void *ctx, const struct event *e)
{
    struct job_watch *w = ctx;
    if (e->kind != EVENT_CLOSING) {
        w->look(w);
    } else if (e->subject) {
        w->pause_ms = LOOK_MS;
        timer_set_in(w->loop, &w->timer, w->pause_ms);
    } else {
        w->closing(w);
    }
}

static void on_time(struct timer *t)
{
    struct job_watch *w = CONTAINER_OF(t, struct job_watch, timer);
    if (w->beat)
        w->beat(w);
    timer_set_in(w->loop, t, w->pause_ms);
    w->look(w);
}

void job_watch_start(struct job_watch *w, struct app *app, struct loop *loop, int64_t job_id)
{
    w->loop = loop;
    w->subscriber = events_subscribe(app->events, loop, TOPIC_JOB, job_id, on_event, w);
    w->timer.fn = on_time;
    w->pause_ms = HEARTBEAT_MS;
    timer_set_in(loop, &w->timer, w->pause_ms);
}

void job_watch_stop(struct job_watch *w)
{
    if (!w->subscriber)
        return;
    events_unsubscribe(w->subscriber);
    w->subscriber = NULL;
    timer_unset(w->loop, &w->timer);
}
