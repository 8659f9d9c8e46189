/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tls — client TLS over non-blocking sockets (OpenSSL), always verified.
 *
 * TLS 1.2 or later; the peer must prove the name that was asked for (SNI and subject
 * alternative names), or for a numeric host the address itself (IP-SAN).
 * Thread: one; a set of contexts and all made from it belong together. */
#include "base/err.h"
#include "base/str.h"

/* Contexts by authority: one for the system's, one for each CA given. */
struct tls_contexts;
struct tls_contexts *tls_contexts_new(void);
/* Connections made from them may live on. */
void tls_contexts_free(struct tls_contexts *all);

struct tls_context;
/* ca_pem: certificates that are trusted instead of the system's; STR_NONE: the system's.
 * The same text gives the same context.  Code "bad_ca" when there is none in it.
 * The caller holds it until tls_context_unref(). */
enum status tls_context_get(struct tls_contexts *all, struct str ca_pem, struct tls_context **ret,
                            struct err *err);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

/* The last session of an origin, for resumption (RFC 8446 2.2).  Zeroed: none. */
struct tls_session {
    void *handle;
};
void tls_session_release(struct tls_session *s);

enum tls_result {
    TLS_OK,
    TLS_WANT_READ,
    TLS_WANT_WRITE,
    TLS_END,    /* the peer said that nothing follows */
    TLS_FAILED, /* also an end without that word: it may be a cut */
};

struct tls;
/* fd stays the caller's; session, which may be NULL, is read and renewed and must outlive
 * the connection.  NULL when there is no memory. */
struct tls *tls_new(struct tls_context *context, int fd, struct str host, bool host_is_ip,
                    struct tls_session *session);
/* Says goodbye where it can, without waiting. */
void tls_free(struct tls *t);
enum tls_result tls_handshake(struct tls *t);
enum tls_result tls_read(struct tls *t, char *to, size_t n, size_t *ret_n);
enum tls_result tls_write(struct tls *t, struct str bytes, size_t *ret_n);
/* Bytes wait inside that no event will tell of. */
bool tls_pending(const struct tls *t);
/* Why it failed, for the log. */
void tls_describe(const struct tls *t, char *out, size_t size);
