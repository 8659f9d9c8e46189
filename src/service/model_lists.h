/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* model_lists — asking upstreams which models they serve (SPEC ST-11).
 *
 * Active accounts without a list of their own are asked a quarter of an hour after they were
 * made or changed, then every hour; who does not answer is asked again in a minute, then in
 * two, up to six hours.  A few at a time, by a step worker, and by one node each.  What they say
 * is kept in the database, and shown; it limits nothing: they are still taken to serve all. */
#include "service/app.h"

/* Hands what is due to a worker, unless one is at it.  The janitor's, with its connection. */
enum status model_lists_tick(struct app *app, struct db_conn *db, struct err *err);
