/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* account_form — what the calls about accounts share.  Thread: workers. */
#include "api/call.h"
#include "service/accounts.h"

struct account_work account_work_of(struct call *c, const struct actor *actor);
/* The body's members, views of the call.  E_INVALID names the field. */
enum status account_form_read(struct call *c, struct account_form *ret, struct err *err);
/* The members of "credentials" that oauth accounts have (accounts_oauth.c). */
void account_view_oauth(struct call *c, struct json_out *j, const struct account *account);
