/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* s3_sender — a part on its way to the store while its writer goes on.
 *
 * One part at a time, by a thread that lives as long as that takes, over a connection that is kept
 * from part to part.  The writer hears of the outcome when it asks, so whatever follows from it
 * (the ledger's rows) happens on the writer's own thread.
 *
 * Thread: all calls are one worker's. */
#include "media/s3.h"

struct s3_sender;
/* fetcher: whose resolver the sender's own fetcher takes over. */
struct s3_sender *s3_sender_new(const struct fetcher *fetcher);
/* Cancels what is on its way and waits for that, a second at most.  NULL is fine. */
void s3_sender_free(struct s3_sender *p);

/* Nothing may be on its way.  What s and the views show must stay until s3_sender_end(). */
void s3_sender_start(struct s3_sender *p, const struct s3 *s, struct str key, const char *upload_id,
                     int number, struct str bytes, const unsigned char digest[SHA256_SIZE]);
/* Whether s3_sender_end() would not block. */
bool s3_sender_is_done(struct s3_sender *p);
/* Blocks until the store has the part or the tries have ended; s->while_waiting is called about
 * once a second, and s->cancelled ends it.  As s3_upload_part(). */
enum status s3_sender_end(struct s3_sender *p, const struct s3 *s, struct s3_part *ret,
                          struct err *err);
