/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage — the bucket that the settings name, and whether it answers (SPEC SG-1, ST-7).
 *
 * Nothing is built ahead: whoever needs the bucket opens it for as long as a step lasts, out
 * of the settings of that moment, so a change is in force with the next step on every node.
 * What this process knows of the bucket's health and clock is kept here.
 *
 * Thread: any; an open bucket is its thread's. */
#include "media/s3.h"
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
    uint64_t stamp; /* of the settings that it was opened with */
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
void storage_close(struct storage_bucket *b);

/* HeadBucket, once; the outcome is what storage_is_healthy() tells for the next minute. */
enum status storage_check(struct app *app, struct storage_bucket *b, struct err *err);
/* The same for settings that are not in force: what is known of the bucket in use, its health and
 * its clock, stays as it is. */
enum status storage_try(const struct storage_bucket *b, struct err *err);
/* Wanted, and answered a HeadBucket with these settings within the last 60 s. */
bool storage_is_healthy(struct app *app);
/* Changes whenever the settings of the bucket do. */
uint64_t storage_stamp(const struct settings *s);

/* Address of an object: the CDN's, else one that is good for a day.  disposition: what a
 * browser shall do with it, which a CDN is not told. */
struct str storage_link(const struct storage_bucket *b, struct str key, struct str disposition,
                        bool download, int64_t now_ms, struct arena *a);
