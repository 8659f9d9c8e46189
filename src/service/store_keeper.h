/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* store_keeper — all periodic work on the stores, on a thread of its own, since a bucket may
 * take minutes to say no: deletions (SG-7), objects whose writer died (SG-6), and whether the
 * bucket answers (ST-7). */
#include "service/app.h"

struct store_keeper;
enum status store_keeper_start(struct app *app, struct store_keeper **ret, struct err *err);
/* Cuts what is under way with the bucket; one last look at the disk's deletions.  NULL is fine. */
void store_keeper_stop(struct store_keeper *k);
