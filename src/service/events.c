/* SPDX-License-Identifier: Apache-2.0 */
#include "service/events.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"

enum { BUCKETS = 1024, MAILBOX = 16, MAX_TAPS = 4 };

/* Noted in the database's notices as "topic kind id subject". */
#define CHANNEL "event"

struct subscriber {
    struct list link; /* in a bucket; under the lock */
    struct events *events;
    struct loop *loop;
    enum event_topic topic;
    int64_t id;
    event_fn *fn;
    void *ctx;
    /* Under the lock: what has come and is not delivered yet. */
    struct task deliver;
    bool posted, dead;
    bool closing; /* has a place of its own: it is never one of the missed */
    bool successor;
    size_t waiting;
    struct event mailbox[MAILBOX];
};

struct tap {
    event_fn *fn;
    void *ctx;
};

struct events {
    pthread_mutex_t lock;
    struct list buckets[BUCKETS];
    struct tap taps[MAX_TAPS];
    size_t tap_count;
};

static struct list *bucket_of(struct events *e, enum event_topic topic, int64_t id)
{
    return &e->buckets[((uint64_t)id * 31 + (uint64_t)topic) % BUCKETS];
}

/* ---- delivering, on the subscriber's loop */

/* `posted` stays set while fn runs, so that an unsubscribe from inside fn leaves the freeing
 * to us, and a note that comes meanwhile is delivered by another turn. */
static void deliver(struct task *t)
{
    struct subscriber *s = CONTAINER_OF(t, struct subscriber, deliver);
    struct event batch[MAILBOX];

    pthread_mutex_lock(&s->events->lock);
    size_t n = s->waiting;
    bool closing = s->closing;
    struct event last = {
        .topic = s->topic, .kind = EVENT_CLOSING, .id = s->id, .subject = s->successor};
    s->closing = false;
    memcpy(batch, s->mailbox, n * sizeof(batch[0]));
    s->waiting = 0;
    pthread_mutex_unlock(&s->events->lock);

    for (size_t i = 0; i < n && !s->dead; i++)
        s->fn(s->ctx, &batch[i]);
    if (closing && !s->dead)
        s->fn(s->ctx, &last);

    pthread_mutex_lock(&s->events->lock);
    bool dead = s->dead, more = (s->waiting > 0 || s->closing) && !dead;
    s->posted = more;
    pthread_mutex_unlock(&s->events->lock);
    if (dead)
        free(s);
    else if (more)
        loop_post(s->loop, &s->deliver);
}

static bool same_event(const struct event *a, const struct event *b)
{
    return a->kind == b->kind && a->subject == b->subject;
}

static void put_in_mailbox(struct subscriber *s, const struct event *e)
{
    for (size_t i = 0; i < s->waiting; i++) {
        if (same_event(&s->mailbox[i], e))
            return;
    }
    if (s->waiting == MAILBOX) {
        s->mailbox[0] = (struct event){.topic = e->topic, .kind = EVENT_MISSED, .id = e->id};
        s->waiting = 1;
    } else {
        s->mailbox[s->waiting++] = *e;
    }
}

/* Under the lock. */
static void put(struct subscriber *s, const struct event *e)
{
    if (e->kind == EVENT_CLOSING) {
        s->closing = true;
        s->successor = e->subject;
    } else {
        put_in_mailbox(s, e);
    }
    if (!s->posted) {
        s->posted = true;
        loop_post(s->loop, &s->deliver);
    }
}

/* Without the lock, which a tap may need: one that is added meanwhile hears the next. */
static void tell_taps(struct events *e, const struct event *event)
{
    struct tap taps[MAX_TAPS];
    pthread_mutex_lock(&e->lock);
    size_t n = e->tap_count;
    memcpy(taps, e->taps, sizeof(taps));
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < n; i++)
        taps[i].fn(taps[i].ctx, event);
}

static void spread(struct events *e, const struct event *event)
{
    tell_taps(e, event);
    pthread_mutex_lock(&e->lock);
    LIST_EACH(node, bucket_of(e, event->topic, event->id))
    {
        struct subscriber *s = CONTAINER_OF(node, struct subscriber, link);
        if (s->topic == event->topic && s->id == event->id)
            put(s, event);
    }
    pthread_mutex_unlock(&e->lock);
}

static void spread_to_all(struct events *e, enum event_kind kind, int64_t subject)
{
    struct event event = {.kind = kind, .topic = TOPIC_SITE, .subject = subject};
    tell_taps(e, &event);
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_EACH(node, &e->buckets[i])
        {
            struct subscriber *s = CONTAINER_OF(node, struct subscriber, link);
            event.topic = s->topic;
            event.id = s->id;
            put(s, &event);
        }
    }
    pthread_mutex_unlock(&e->lock);
}

static bool parse_note(struct str payload, struct event *ret)
{
    int64_t topic = 0, kind = 0;
    bool ok = str_to_i64(str_cut(&payload, ' '), &topic) &&
              str_to_i64(str_cut(&payload, ' '), &kind) &&
              str_to_i64(str_cut(&payload, ' '), &ret->id) && str_to_i64(payload, &ret->subject);
    ret->topic = (enum event_topic)topic;
    ret->kind = (enum event_kind)kind;
    return ok;
}

static void on_notice(void *ctx, const char *channel, struct str payload)
{
    struct event event;
    /* The connection to the database was lost for a while: nobody knows what was missed. */
    if (!channel)
        spread_to_all(ctx, EVENT_MISSED, 0);
    else if (strcmp(channel, CHANNEL) == 0 && parse_note(payload, &event))
        spread(ctx, &event);
}

enum status events_new(struct app *app, struct err *err)
{
    struct events *e = mem_zalloc(sizeof(*e));
    pthread_mutex_init(&e->lock, NULL);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&e->buckets[i]);
    app->events = e;
    return db_listen(app->db, on_notice, e, err);
}

void events_free(struct events *e)
{
    if (!e)
        return;
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void events_tell_site(struct events *e)
{
    struct event event = {.topic = TOPIC_SITE, .kind = EVENT_SITE};
    spread(e, &event);
}

void events_closing(struct events *e, bool successor)
{
    spread_to_all(e, EVENT_CLOSING, successor);
}

enum status events_note(struct db_conn *tx, enum event_topic topic, enum event_kind kind,
                        int64_t id, int64_t subject, struct err *err)
{
    char text[96];
    int n = snprintf(text, sizeof(text), "%d %d %" PRId64 " %" PRId64, (int)topic, (int)kind, id,
                     subject);
    return db_notify(tx, CHANNEL, (struct str){text, (size_t)n}, err);
}

struct subscriber *events_subscribe(struct events *e, struct loop *loop, enum event_topic topic,
                                    int64_t id, event_fn *fn, void *ctx)
{
    struct subscriber *s = mem_zalloc(sizeof(*s));
    s->events = e;
    s->loop = loop;
    s->topic = topic;
    s->id = id;
    s->fn = fn;
    s->ctx = ctx;
    s->deliver.fn = deliver;
    pthread_mutex_lock(&e->lock);
    list_push_back(bucket_of(e, topic, id), &s->link);
    pthread_mutex_unlock(&e->lock);
    return s;
}

size_t events_count(struct events *e, enum event_topic topic, int64_t id)
{
    size_t n = 0;
    pthread_mutex_lock(&e->lock);
    LIST_EACH(node, bucket_of(e, topic, id))
    {
        struct subscriber *s = CONTAINER_OF(node, struct subscriber, link);
        n += s->topic == topic && s->id == id;
    }
    pthread_mutex_unlock(&e->lock);
    return n;
}

void events_unsubscribe(struct subscriber *s)
{
    pthread_mutex_lock(&s->events->lock);
    list_remove(&s->link);
    s->dead = true;
    bool posted = s->posted;
    pthread_mutex_unlock(&s->events->lock);
    if (!posted)
        free(s);
}

void events_tap(struct events *e, event_fn *fn, void *ctx)
{
    pthread_mutex_lock(&e->lock);
    e->taps[e->tap_count++] = (struct tap){fn, ctx};
    pthread_mutex_unlock(&e->lock);
}
