/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include <stdatomic.h>

#include "service/events.h"

enum { USER = 7, BURST = 40 };

struct world {
    struct site site;
    struct loop *loop;
    atomic_int tapped; /* on the notice thread */
    struct event heard[64];
    size_t count;
};

static void hear(void *ctx, const struct event *e)
{
    struct world *w = ctx;
    w->heard[w->count++] = *e;
    if (e->kind == EVENT_CLOSING)
        loop_stop(w->loop);
}

static void tap(void *ctx, const struct event *e)
{
    struct world *w = ctx;
    (void)e;
    atomic_fetch_add(&w->tapped, 1);
}

static void begin(struct world *w, struct engine *e)
{
    memset(w, 0, sizeof(*w));
    site_open(&w->site, e);
    w->loop = loop_new();
    ok(events_new(&w->site.app, err));
    events_tap(w->site.app.events, tap, w);
}

/* The database's thread is gone before what it calls. */
static void end(struct world *w, struct engine *e)
{
    site_close(&w->site);
    db_close(e->db);
    e->db = NULL;
    events_free(w->site.app.events);
    loop_free(w->loop);
}

static void note(struct world *w, int64_t user, int64_t subject)
{
    ok(db_begin(w->site.db, err));
    ok(events_note(w->site.db, TOPIC_USER, EVENT_GENERATION, user, subject, err));
    ok(db_commit(w->site.db, err));
}

static void await_taps(struct world *w, int n)
{
    for (int i = 0; atomic_load(&w->tapped) < n; i++) {
        assert_true(i < 12000);
        usleep(5000);
    }
}

ON_EVERY_ENGINE(a_note_comes_once_and_to_its_topic)
{
    struct world w;
    begin(&w, e);
    struct events *events = w.site.app.events;
    struct subscriber *s = events_subscribe(events, w.loop, TOPIC_USER, USER, hear, &w);
    assert_int_equal(events_count(events, TOPIC_USER, USER), 1);
    assert_int_equal(events_count(events, TOPIC_USER, USER + 1), 0);
    assert_int_equal(events_count(events, TOPIC_JOB, USER), 0);
    note(&w, USER, 1);
    note(&w, USER + 1, 2);
    note(&w, USER, 1);
    note(&w, USER, 3);
    await_taps(&w, 4);
    events_closing(events, false);
    loop_run(w.loop);
    assert_int_equal(w.count, 3);
    assert_int_equal(w.heard[0].subject, 1);
    assert_int_equal(w.heard[1].subject, 3);
    assert_int_equal(w.heard[2].kind, EVENT_CLOSING);
    events_unsubscribe(s);
    assert_int_equal(events_count(events, TOPIC_USER, USER), 0);
    end(&w, e);
}

/* Who is told only that something was missed would hold on until the server's last moment. */
ON_EVERY_ENGINE(the_end_is_heard_over_a_full_mailbox)
{
    struct world w;
    begin(&w, e);
    struct events *events = w.site.app.events;
    struct subscriber *s = events_subscribe(events, w.loop, TOPIC_USER, USER, hear, &w);
    for (int i = 1; i <= BURST; i++) {
        note(&w, USER, i);
        if (i == BURST / 2) {
            await_taps(&w, i);
            events_closing(events, false);
        }
    }
    await_taps(&w, BURST + 1);
    loop_run(w.loop);
    assert_int_equal(w.heard[0].kind, EVENT_MISSED);
    assert_int_equal(w.heard[w.count - 1].kind, EVENT_CLOSING);
    events_unsubscribe(s);
    end(&w, e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[ST-9] a note comes once, and to its topic alone",
                   a_note_comes_once_and_to_its_topic),
        EVERYWHERE("the server's end is heard over a full mailbox",
                   the_end_is_heard_over_a_full_mailbox),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
