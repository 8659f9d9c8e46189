/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* janitor — all periodic work in one place, on one thread.
 *
 *   every second    marks, counts and use times of the pool; the deletion queue
 *   every 10 s      accounts whose models are to be asked for
 *   every minute    job rows that are over, ended sessions, old idempotency keys */
#include "service/app.h"

struct janitor;
enum status janitor_start(struct app *app, struct janitor **ret, struct err *err);
/* The server was replaced, and the newcomer does all periodic work: from now on only what calls
 * have marked here is written, once a second, and the newcomer told when a change was made here
 * that SQLite tells nobody else of. */
void janitor_leave(struct janitor *j);
/* One last round of what must not be lost, then the thread ends.  NULL is fine. */
void janitor_stop(struct janitor *j);
/* The pool must read accounts, groups and keys anew; any thread. */
void janitor_reload_pool(struct janitor *j);
void janitor_reload_settings(struct janitor *j);
/* This process has changed something; any thread.  known: what others know by heart, accounts,
 * keys, settings; else what pages look at. */
void janitor_changed(struct janitor *j, bool known);
