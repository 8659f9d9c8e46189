/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* media — drawn files, by what was ordered; the same order is drawn once.
 *
 * Thread: the loop's; drawing happens in workers.  Files are mapped into memory, so
 * their bytes can be sent from anywhere in the program without reading.  Unused ones
 * beyond MEDIA_IDLE are removed, the longest unused first. */
#include "demo/render.h"
#include "net/loop.h"
#include "net/workers.h"

enum { MEDIA_IDLE = 128 };

enum media_state { MEDIA_PENDING, MEDIA_READY, MEDIA_FAILED };

struct media;
struct media_store;

struct media_waiter {
    struct list link;
    void (*fn)(struct media_waiter *w);
    void *ctx;
};

/* dir: NULL or empty for a temporary folder, removed by media_store_free(). */
enum status media_store_new(struct loop *loop, struct workers *workers, int threads, struct str dir,
                            struct media_store **ret, struct err *err);
/* After the workers have stopped; nobody may hold media any more. */
void media_store_free(struct media_store *store);
uint64_t media_renders(const struct media_store *store);

/* A reference for the caller; starts to draw when it is new. */
struct media *media_want(struct media_store *store, const struct render_order *order);
struct media *media_ref(struct media *m);
void media_unref(struct media *m); /* NULL is fine */
enum media_state media_state(const struct media *m);
/* fn is called once, when the state is no longer pending; list_remove() ends the wait. */
void media_wait(struct media *m, struct media_waiter *w);
/* Valid while the reference is held; MEDIA_READY only. */
struct str media_bytes(const struct media *m);
/* Of the bytes, quoted, as an ETag. */
struct str media_etag(const struct media *m);
const char *media_type(const struct media *m);
