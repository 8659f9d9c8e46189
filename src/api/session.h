/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* session — the sign-in of a call: its cookie or bearer token, and who that is. */
#include "api/call.h"
#include "service/audit.h"
#include "service/identity.h"

#define SESSION_COOKIE "kinora_session"

/* Before the handler: fills client_address, origin, https and who (nobody without a live
 * session: what the endpoint asks for is the caller's to check).  A bearer token wins over
 * the cookie.  E_FORBIDDEN, code "csrf": a change that a browser may have been made to
 * send by another site. */
enum status session_find_caller(struct call *c, struct err *err);

/* client_address, origin and https alone. */
enum status session_find_origin(struct call *c, struct err *err);

/* Answer headers that set or clear the cookie. */
void session_set_cookie(struct call *c, const char *token);
void session_clear_cookie(struct call *c);

/* Who acts, for the audit log. */
struct actor call_actor(const struct call *c);
/* Where the request came from, for a new session. */
struct visitor call_visitor(const struct call *c);
