/* SPDX-License-Identifier: Apache-2.0 */
#include "media/s3_sender.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

struct s3_sender {
    struct fetcher *fetcher;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;             /* under the lock */
    atomic_bool cancelled; /* the writer's wish */
    bool has_thread;
    pthread_t thread;
    /* The call, and what became of it: the thread's until done. */
    struct s3 s3;
    struct str key, bytes;
    const char *upload_id;
    int number;
    unsigned char digest[SHA256_SIZE];
    struct s3_part part;
    enum status status;
    struct err err;
};

struct s3_sender *s3_sender_new(const struct fetcher *fetcher)
{
    struct s3_sender *p = mem_zalloc(sizeof(*p));
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->ended, &clock);
    pthread_condattr_destroy(&clock);
    p->fetcher = fetcher_new(fetcher_resolver(fetcher));
    p->done = true;
    return p;
}

static void join(struct s3_sender *p)
{
    if (p->has_thread)
        pthread_join(p->thread, NULL);
    p->has_thread = false;
}

void s3_sender_free(struct s3_sender *p)
{
    if (!p)
        return;
    atomic_store(&p->cancelled, true);
    join(p);
    fetcher_free(p->fetcher);
    pthread_cond_destroy(&p->ended);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void *send_main(void *sender)
{
    struct s3_sender *p = sender;
    p->status = s3_upload_part(&p->s3, p->key, p->upload_id, p->number, p->bytes, p->digest,
                               &p->part, &p->err);
    pthread_mutex_lock(&p->lock);
    p->done = true;
    pthread_cond_signal(&p->ended);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

void s3_sender_start(struct s3_sender *p, const struct s3 *s, struct str key, const char *upload_id,
                     int number, struct str bytes, const unsigned char digest[SHA256_SIZE])
{
    p->s3 = *s;
    p->s3.fetcher = p->fetcher;
    p->s3.cancelled = &p->cancelled;
    p->s3.while_waiting = NULL; /* the writer's thread does that */
    p->key = key;
    p->upload_id = upload_id;
    p->number = number;
    p->bytes = bytes;
    memcpy(p->digest, digest, sizeof(p->digest));
    p->err = (struct err){0};
    p->done = false;
    atomic_store(&p->cancelled, false);
    p->has_thread = pthread_create(&p->thread, NULL, send_main, p) == 0;
    if (p->has_thread)
        pthread_setname_np(p->thread, "s3-part");
    else
        send_main(p); /* no thread to be had: then the writer waits */
}

bool s3_sender_is_done(struct s3_sender *p)
{
    pthread_mutex_lock(&p->lock);
    bool done = p->done;
    pthread_mutex_unlock(&p->lock);
    return done;
}

static bool wait_a_second(struct s3_sender *p)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&p->lock);
    int rc = 0;
    while (!p->done && rc == 0)
        rc = pthread_cond_timedwait(&p->ended, &p->lock, &until);
    bool done = p->done;
    pthread_mutex_unlock(&p->lock);
    return done;
}

enum status s3_sender_end(struct s3_sender *p, const struct s3 *s, struct s3_part *ret,
                          struct err *err)
{
    while (!wait_a_second(p)) {
        if (s->cancelled && atomic_load(s->cancelled))
            atomic_store(&p->cancelled, true);
        if (s->while_waiting)
            s->while_waiting(s->ctx);
    }
    join(p);
    if (p->status == OK)
        *ret = p->part;
    else
        *err = p->err;
    return p->status;
}
