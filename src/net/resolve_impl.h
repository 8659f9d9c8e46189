/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What resolve.c and resolve_wait.c share. */
#include <ares.h>

#include "net/resolve.h"

/* The library's process-wide set-up, once, from any thread. */
void resolve_library_init(void);
/* state_fn may be NULL.  Fails on servers that cannot be read. */
enum status resolve_channel_new(struct str servers, ares_sock_state_cb state_fn, void *ctx,
                                ares_channel *ret, struct err *err);
void resolve_ask(ares_channel channel, const char *host, ares_addrinfo_callback fn, void *ctx);
/* Copies what fits; returns the least TTL in seconds.  Frees info. */
int resolve_take(struct ares_addrinfo *info, struct addresses *ret);
/* A host that is an address already. */
bool resolve_numeric(struct str host, struct addresses *ret);
