/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* resolve — names to addresses by c-ares: on a loop, or waiting.
 *
 * The system's configuration (resolv.conf, hosts file, search domains) or, where
 * `servers` ("ip:port,…") is given, those servers instead of resolv.conf's; the hosts
 * file is read first either way.  Numeric hosts are answered without a question.
 * Nothing here judges an address: that is guard.h's. */
#include <netinet/in.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/list.h"
#include "net/loop.h"

union net_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
socklen_t net_address_size(const union net_address *a);
void net_address_set_port(union net_address *a, uint16_t port);

enum { RESOLVE_MAX = 8 };
/* In the order in which they should be tried (RFC 6724); ports are 0. */
struct addresses {
    size_t count;
    union net_address at[RESOLVE_MAX];
};

/* ---- on a loop ---- */

/* Thread: the loop's.  Answers are kept for their TTL, at most 60 s; the same name asked
 * twice at once is one question. */
struct resolver;
enum status resolver_new(struct loop *loop, struct str servers, struct resolver **ret,
                         struct err *err);
/* Queries that still wait are forgotten without a call. */
void resolver_free(struct resolver *r);

/* Storage is the asker's, until fn was called or resolve_cancel(). */
struct resolve_query {
    struct list link;
    /* NULL: not found or failed, and why.  Never called from inside resolve_start(). */
    void (*fn)(struct resolve_query *q, const struct addresses *found, const char *why);
};
/* True: *ret is filled already and fn will not be called. */
bool resolve_start(struct resolver *r, struct str host, struct resolve_query *q,
                   struct addresses *ret);
void resolve_cancel(struct resolve_query *q);

/* ---- waiting ---- */

/* Thread: workers.  timeout_ms 0: c-ares's own patience (about 10 s); *cancelled, which
 * may be NULL, is looked at several times a second.
 * Codes: "name_not_found", "cancelled", "connect_timeout". */
enum status resolve_wait(struct str servers, struct str host, int64_t timeout_ms,
                         const atomic_bool *cancelled, struct addresses *ret, struct err *err);
