/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage — the stores of this installation: the bucket that the settings name, and whether it
 * answers (SPEC SG-1, ST-7); buckets that they named before; this node's media folder.
 *
 * Nothing is built ahead: whoever needs the bucket opens it for as long as a step lasts, out
 * of the settings of that moment, so a change is in force with the next step on every node.
 * What lies in another bucket stays there, and is opened with what was known of it last.
 * What this process knows of the bucket's health and clock is kept here.
 *
 * Thread: any; an open bucket is its thread's. */
#include "media/s3.h"
#include "model/generation.h"
#include "service/app.h"
#include "service/settings.h"

enum { STORAGE_TRIES = 4 };

struct storage *storage_new(void);
void storage_free(struct storage *s);

/* An open bucket.  Zeroed: none. */
struct storage_bucket {
    struct s3 s3;
    const struct settings *settings; /* held */
    struct arena *arena;
    uint64_t stamp;   /* of the settings that it was opened with */
    int64_t store_id; /* its row (store/stores); 0: none yet */
    struct str cdn_url;
    atomic_llong skew_ms; /* of one that is not present */
};

/* Complete: address, bucket and both halves of the key. */
bool storage_is_complete(const struct settings *s);
/* New works go there: switched on, and complete. */
bool storage_is_wanted(const struct settings *s);
/* E_UNAVAILABLE, code "storage_not_configured", when the settings are not complete.
 * fetcher: one that no call is using. */
enum status storage_open(struct app *app, struct fetcher *fetcher, struct storage_bucket *ret,
                         struct err *err);
/* The same with settings that are not in force; they become the bucket's, whatever comes. */
enum status storage_open_with(struct app *app, const struct settings *settings,
                              struct fetcher *fetcher, struct storage_bucket *ret, struct err *err);
/* The bucket of a row of the ledger, which may be one that the settings do not name any more; 0:
 * the one they name.  E_UNAVAILABLE, code "storage_not_configured".  *ret stays where it is as
 * long as it is open. */
enum status storage_open_store(struct app *app, struct db_conn *db, struct fetcher *fetcher,
                               int64_t store_id, struct storage_bucket *ret, struct err *err);
void storage_close(struct storage_bucket *b);

/* HeadBucket, once; the outcome is what storage_is_healthy() tells for the next minute. */
enum status storage_check(struct app *app, struct storage_bucket *b, struct err *err);
/* The same for settings that are not in force: what is known of the bucket in use, its health and
 * its clock, stays as it is. */
enum status storage_try(const struct storage_bucket *b, struct err *err);
/* Wanted, and answered a HeadBucket with these settings within the last 60 s. */
bool storage_is_healthy(struct app *app);
/* The store that a new object of this kind goes to: the bucket of the settings, or this node's
 * folder; 0: it has no row. */
int64_t storage_present(struct app *app, enum storage_type type);

/* Tells the others that this node runs, and with which folder, and looks whether they have
 * another; to be called again within STORAGE_NODE_MS / 3.  At the start it also finds the folder's
 * row. */
enum { STORAGE_NODE_MS = 60000 };
enum status storage_tell_node(struct app *app, struct db_conn *db, struct err *err);
/* It runs no more. */
enum status storage_untell_node(struct app *app, struct db_conn *db, struct err *err);
/* Another node runs that has another folder: what lies in this one, it cannot read (SG-5). */
bool storage_is_apart(struct app *app);

/* Changes whenever the settings of the bucket do. */
uint64_t storage_stamp(const struct settings *s);

/* Address of an object: the CDN's, else one that is good for a day.  disposition: what a
 * browser shall do with it, which a CDN is not told. */
struct str storage_link(const struct storage_bucket *b, struct str key, struct str disposition,
                        bool download, int64_t now_ms, struct arena *a);
