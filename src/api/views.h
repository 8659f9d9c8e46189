/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* views — people, groups, keys and an account's day as JSON. */
#include "base/json_out.h"
#include "model/user.h"
#include "pool/pool.h"

void view_user(struct json_out *j, const struct user *u);
/* The same inside of an object that has more. */
void view_user_fields(struct json_out *j, const struct user *u);
void view_group(struct json_out *j, const struct group *g);
/* secret: the key itself, shown once; NULL: left out. */
void view_api_key(struct json_out *j, const struct api_key *k, const char *secret);
/* "hours" inside of an account's object: POOL_HOURS of them. */
void view_hours(struct json_out *j, const struct pool_hour *hours);
