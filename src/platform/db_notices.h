/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* db_notices — change notices inside one process: what LISTEN/NOTIFY is elsewhere.
 *
 * Thread: any may post; listeners are called on the dispatcher's own thread.
 * Bounded: when the dispatcher falls behind, notices are dropped and listeners
 * are told once, with channel NULL. */
#include "platform/db.h"

struct notices;
struct notices *notices_new(struct db *db);
/* Starts the dispatcher; once. */
enum status notices_start(struct notices *n, struct err *err);
void notices_post(struct notices *n, const char *channel, struct str payload);
/* Ends the thread; what is still queued is dropped. */
void notices_free(struct notices *n);

/* The notices of one transaction, until its commit.  Storage is the caller's. */
struct notice;
struct notice_list {
    struct notice *first, **last;
};
void notice_list_init(struct notice_list *l);
void notice_list_add(struct notice_list *l, const char *channel, struct str payload);
void notice_list_post(struct notice_list *l, struct notices *n);
void notice_list_drop(struct notice_list *l);
