/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* loop — one epoll event loop on one thread: descriptors, timers, posted tasks.
 *
 * Thread: everything here belongs to the loop's own thread, but loop_post() and
 * loop_stop().  Nothing a callback does may block.  Storage of watchers, timers
 * and tasks is the caller's and must outlive their registration; any of them may
 * be removed from inside any callback, also its own. */
#include <stdint.h>

#include "base/list.h"
#include "base/str.h"

struct loop;

struct loop *loop_new(void);
/* Nothing may be registered any more; tasks still posted or deferred are run first. */
void loop_free(struct loop *l);
/* Runs until loop_stop(), also one called before; may be run again. */
void loop_run(struct loop *l);
/* Any thread. */
void loop_stop(struct loop *l);
bool loop_is_current(const struct loop *l);
/* Monotonic milliseconds as of this turn's wake-up: no system call. */
int64_t loop_now_ms(const struct loop *l);

/* Descriptors, level-triggered; events are EPOLLIN, EPOLLOUT, EPOLLRDHUP bits.
 * EPOLLERR and EPOLLHUP come unasked, also with events 0, and come again until the
 * watcher is removed. */
struct io {
    int fd;
    uint32_t events;
    void (*fn)(struct io *io, uint32_t events);
};
/* False, with errno: the kernel has no room for another (ENOMEM, or ENOSPC: every process
 * of the user shares /proc/sys/fs/epoll/max_user_watches).  Any other failure is a bug and
 * aborts. */
bool loop_io_add(struct loop *l, struct io *io, int fd, uint32_t events);
/* No system call when nothing changes. */
void loop_io_set(struct loop *l, struct io *io, uint32_t events);
/* Does not close; pending events of this turn are dropped.  Nothing when it is not there. */
void loop_io_remove(struct loop *l, struct io *io);

/* One-shot timers in a heap.  A zeroed timer is unset. */
struct timer {
    int64_t at_ms;
    size_t slot; /* place in the heap + 1; 0 when unset */
    void (*fn)(struct timer *t);
};
void timer_set_at(struct loop *l, struct timer *t, int64_t at_mono_ms);
void timer_set_in(struct loop *l, struct timer *t, int64_t delay_ms);
void timer_unset(struct loop *l, struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
    return t->slot != 0;
}

/* Tasks.  A task is queued at most once at a time: queueing one that waits already does
 * nothing; from the moment its fn begins it may be queued again, or freed. */
struct task {
    struct task *next; /* NULL at first and whenever it is not queued */
    void (*fn)(struct task *t);
};
/* Any thread; runs on the loop soon, in order of posting per thread. */
void loop_post(struct loop *l, struct task *t);
/* The loop's thread; runs at the end of this turn (for freeing what a callback
 * higher on the stack still uses). */
void loop_defer(struct loop *l, struct task *t);
