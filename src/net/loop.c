/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { EVENTS_PER_TURN = 256, MAX_WAIT_MS = 3600 * 1000 };

/* The key stands beside the pointer, so that sifting touches one array only. */
struct heap_entry {
    int64_t at_ms;
    struct timer *timer;
};

struct task_queue {
    struct task *first, **last;
};

struct loop {
    int epoll_fd, wake_fd;
    bool stop; /* atomic */
    int64_t now_ms;
    struct epoll_event events[EVENTS_PER_TURN];
    int event_count, event_next; /* those of this turn not yet handed out */
    struct heap_entry *heap;
    size_t heap_count, heap_size;
    struct task *posted; /* atomic; newest first, ends in &task_end */
    struct task_queue deferred;
};

static _Thread_local struct loop *current_loop;

/* Ends every list of tasks, so that a queued task's next is never NULL. */
static struct task task_end;

static void die(const char *what)
{
    perror(what);
    abort();
}

struct loop *loop_new(void)
{
    struct loop *l = mem_zalloc(sizeof(*l));
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->epoll_fd < 0 || l->wake_fd < 0)
        die("kinora: epoll_create1 or eventfd");
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &e) != 0)
        die("kinora: epoll_ctl");
    l->posted = &task_end;
    l->deferred = (struct task_queue){&task_end, NULL};
    l->now_ms = clock_mono_ms();
    return l;
}

bool loop_is_current(const struct loop *l)
{
    return current_loop == l;
}

int64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

/* ---- descriptors ---- */

bool loop_io_add(struct loop *l, struct io *io, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = io};
    io->fd = fd;
    io->events = events;
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0)
        return true;
    if (errno != ENOSPC && errno != ENOMEM)
        die("kinora: epoll_ctl");
    return false;
}

void loop_io_set(struct loop *l, struct io *io, uint32_t events)
{
    if (io->events == events)
        return;
    struct epoll_event e = {.events = events, .data.ptr = io};
    io->events = events;
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, io->fd, &e) != 0)
        die("kinora: epoll_ctl");
}

void loop_io_remove(struct loop *l, struct io *io)
{
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = l->event_next; i < l->event_count; i++) {
        if (l->events[i].data.ptr == io)
            l->events[i].data.ptr = NULL;
    }
}

static void run_events(struct loop *l)
{
    while (l->event_next < l->event_count) {
        struct epoll_event *e = &l->events[l->event_next++];
        struct io *io = e->data.ptr;
        if (!io)
            continue;
        if (e->data.ptr == l) {
            uint64_t count;
            if (read(l->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
                die("kinora: eventfd");
            continue;
        }
        io->fn(io, e->events);
    }
    l->event_count = l->event_next = 0;
}

/* ---- timers: a binary heap ---- */

static void heap_put(struct loop *l, size_t i, struct heap_entry entry)
{
    l->heap[i] = entry;
    entry.timer->slot = i + 1;
}

static void heap_up(struct loop *l, size_t i, struct heap_entry entry)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (l->heap[parent].at_ms <= entry.at_ms)
            break;
        heap_put(l, i, l->heap[parent]);
        i = parent;
    }
    heap_put(l, i, entry);
}

static void heap_down(struct loop *l, size_t i, struct heap_entry entry)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->heap_count)
            break;
        if (child + 1 < l->heap_count && l->heap[child + 1].at_ms < l->heap[child].at_ms)
            child++;
        if (entry.at_ms <= l->heap[child].at_ms)
            break;
        heap_put(l, i, l->heap[child]);
        i = child;
    }
    heap_put(l, i, entry);
}

/* Sets an entry into the hole at i. */
static void heap_place(struct loop *l, size_t i, struct heap_entry entry)
{
    if (i > 0 && entry.at_ms < l->heap[(i - 1) / 2].at_ms)
        heap_up(l, i, entry);
    else
        heap_down(l, i, entry);
}

void timer_set_at(struct loop *l, struct timer *t, int64_t at_mono_ms)
{
    size_t i = t->slot ? t->slot - 1 : l->heap_count;
    if (!t->slot) {
        if (l->heap_count == l->heap_size) {
            l->heap_size = l->heap_size ? 2 * l->heap_size : 64;
            l->heap = mem_realloc(l->heap, l->heap_size * sizeof(*l->heap));
        }
        l->heap_count++;
    }
    t->at_ms = at_mono_ms;
    heap_place(l, i, (struct heap_entry){at_mono_ms, t});
}

void timer_set_in(struct loop *l, struct timer *t, int64_t delay_ms)
{
    /* Outside loop_run() nothing refreshes the time of the turn. */
    if (current_loop != l)
        l->now_ms = clock_mono_ms();
    timer_set_at(l, t, l->now_ms + delay_ms);
}

void timer_unset(struct loop *l, struct timer *t)
{
    if (!t->slot)
        return;
    size_t i = t->slot - 1;
    t->slot = 0;
    l->heap_count--;
    if (i != l->heap_count)
        heap_place(l, i, l->heap[l->heap_count]);
}

static void run_timers(struct loop *l)
{
    /* No more than were there: a timer that sets itself to "now" waits its turn. */
    for (size_t n = l->heap_count; n && l->heap_count; n--) {
        struct timer *t = l->heap[0].timer;
        if (l->heap[0].at_ms > l->now_ms)
            return;
        timer_unset(l, t);
        t->fn(t);
    }
}

/* ---- tasks ---- */

static void wake(struct loop *l)
{
    uint64_t one = 1;
    /* EAGAIN: the counter is full, so the loop is awake anyhow. */
    if (write(l->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        die("kinora: eventfd");
}

void loop_post(struct loop *l, struct task *t)
{
    struct task *unqueued = NULL;
    if (!__atomic_compare_exchange_n(&t->next, &unqueued, &task_end, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return;
    struct task *head = __atomic_load_n(&l->posted, __ATOMIC_RELAXED);
    do {
        __atomic_store_n(&t->next, head, __ATOMIC_RELAXED);
    } while (!__atomic_compare_exchange_n(&l->posted, &head, t, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    /* Whoever found the list empty rings; the loop itself looks before it sleeps. */
    if (head == &task_end && current_loop != l)
        wake(l);
}

void loop_defer(struct loop *l, struct task *t)
{
    if (t->next)
        return;
    t->next = &task_end;
    if (l->deferred.first == &task_end)
        l->deferred.first = t;
    else
        *l->deferred.last = t;
    l->deferred.last = &t->next;
}

static void run_tasks(struct task *t)
{
    while (t != &task_end) {
        struct task *next = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE);
        /* From here on it may be posted again, or freed by its own function. */
        __atomic_store_n(&t->next, NULL, __ATOMIC_RELEASE);
        t->fn(t);
        t = next;
    }
}

static void run_posted(struct loop *l)
{
    if (__atomic_load_n(&l->posted, __ATOMIC_ACQUIRE) == &task_end)
        return;
    struct task *t = __atomic_exchange_n(&l->posted, &task_end, __ATOMIC_ACQ_REL);
    struct task *in_order = &task_end;
    while (t != &task_end) {
        struct task *next = t->next;
        t->next = in_order;
        in_order = t;
        t = next;
    }
    run_tasks(in_order);
}

static void run_deferred(struct loop *l)
{
    struct task *t = l->deferred.first;
    l->deferred.first = &task_end;
    run_tasks(t);
}

/* ---- running ---- */

static int wait_ms(const struct loop *l)
{
    if (__atomic_load_n(&l->posted, __ATOMIC_ACQUIRE) != &task_end ||
        l->deferred.first != &task_end)
        return 0;
    if (!l->heap_count)
        return -1;
    int64_t wait = l->heap[0].at_ms - clock_mono_ms();
    if (wait <= 0)
        return 0;
    return wait < MAX_WAIT_MS ? (int)wait : MAX_WAIT_MS;
}

static void turn(struct loop *l)
{
    int n = epoll_wait(l->epoll_fd, l->events, EVENTS_PER_TURN, wait_ms(l));
    if (n < 0 && errno != EINTR)
        die("kinora: epoll_wait");
    l->now_ms = clock_mono_ms();
    l->event_count = n < 0 ? 0 : n;
    l->event_next = 0;
    run_events(l);
    run_timers(l);
    run_posted(l);
    run_deferred(l);
}

void loop_run(struct loop *l)
{
    struct loop *outer = current_loop;
    current_loop = l;
    while (!__atomic_exchange_n(&l->stop, false, __ATOMIC_ACQ_REL))
        turn(l);
    current_loop = outer;
}

void loop_stop(struct loop *l)
{
    __atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
    wake(l);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    /* A worker may have handed something back after the last turn. */
    while (__atomic_load_n(&l->posted, __ATOMIC_ACQUIRE) != &task_end ||
           l->deferred.first != &task_end) {
        run_posted(l);
        run_deferred(l);
    }
    close(l->wake_fd);
    close(l->epoll_fd);
    free(l->heap);
    free(l);
}
