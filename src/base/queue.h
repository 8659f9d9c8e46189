/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* queue — a bounded first-in-first-out queue of pointers between threads.
 *
 * Thread: any.  A full queue refuses; it never grows. */
#include <stdbool.h>
#include <stddef.h>

struct queue;

struct queue *queue_new(size_t capacity);
/* With further places that queue_push_reserved() alone may take. */
struct queue *queue_new_reserving(size_t capacity, size_t reserve);
/* Items still inside are the caller's to drain first. */
void queue_free(struct queue *q);
/* False when full or closed; the item stays the caller's. */
bool queue_push(struct queue *q, void *item);
/* The same for what must not be put off by a crowd. */
bool queue_push_reserved(struct queue *q, void *item);
/* Waits up to timeout_ms (-1: for ever); NULL on time-out, or when the queue is
 * closed and empty. */
void *queue_pop(struct queue *q, int timeout_ms);
/* No more pushes; poppers drain what is there and then get NULL. */
void queue_close(struct queue *q);
size_t queue_length(struct queue *q);
