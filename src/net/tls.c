/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/mem.h"

enum { CONTEXTS_KEPT = 64, HOST_SIZE = 256 };

struct tls_context {
    struct list link;
    size_t refs;
    SSL_CTX *ssl;
    size_t pem_size;
    char pem[];
};

struct tls_contexts {
    struct list recent; /* latest first */
    size_t count;
};

struct tls {
    SSL *ssl;
    bool ready, broken;
    unsigned long error;
};

/* ---- the socket as a BIO: OpenSSL's own would raise SIGPIPE ---- */

static int bio_write(BIO *bio, const char *p, int n)
{
    ssize_t sent = send((int)(intptr_t)BIO_get_data(bio), p, (size_t)n, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int bio_read(BIO *bio, char *p, int n)
{
    ssize_t got = recv((int)(intptr_t)BIO_get_data(bio), p, (size_t)n, 0);
    BIO_clear_retry_flags(bio);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    if (got == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)got;
}

static long bio_ctrl(BIO *bio, int command, long number, void *p)
{
    (void)number;
    (void)p;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kinora socket");
    if (!bio_method)
        abort();
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

static BIO *bio_new(int fd)
{
    BIO *bio = BIO_new(bio_method);
    if (bio) {
        BIO_set_data(bio, (void *)(intptr_t)fd);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* ---- contexts ---- */

/* Takes the session over: TLS 1.3 hands it out after the handshake. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session *slot = SSL_get_app_data(ssl);
    if (!slot)
        return 0;
    tls_session_release(slot);
    slot->handle = session;
    return 1;
}

static bool trust_pem(SSL_CTX *ssl, struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    size_t count = 0;
    X509 *cert;

    while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        count += X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the text counts as one */
    /* What was given is trusted even where it is no root. */
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return count > 0;
}

static SSL_CTX *make_ssl_ctx(struct str ca_pem)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());

    pthread_once(&once, make_bio_method);
    if (!ssl)
        return NULL;
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1); /* one recv() for a record and its header */
    SSL_CTX_set_alpn_protos(ssl, alpn, sizeof(alpn) - 1);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, on_new_session);
    if (ca_pem.n ? trust_pem(ssl, ca_pem) : SSL_CTX_set_default_verify_paths(ssl) == 1)
        return ssl;
    SSL_CTX_free(ssl);
    return NULL;
}

struct tls_contexts *tls_contexts_new(void)
{
    struct tls_contexts *all = mem_zalloc(sizeof(*all));
    list_init(&all->recent);
    return all;
}

static void forget(struct tls_contexts *all, struct tls_context *context)
{
    list_remove(&context->link);
    all->count--;
    tls_context_unref(context);
}

void tls_contexts_free(struct tls_contexts *all)
{
    if (!all)
        return;
    while (!list_empty(&all->recent))
        forget(all, CONTAINER_OF(all->recent.next, struct tls_context, link));
    free(all);
}

static struct tls_context *context_new(struct tls_contexts *all, struct str ca_pem)
{
    SSL_CTX *ssl = make_ssl_ctx(ca_pem);
    if (!ssl)
        return NULL;
    struct tls_context *context = mem_zalloc(sizeof(*context) + ca_pem.n);
    context->refs = 1; /* the set's */
    context->ssl = ssl;
    context->pem_size = ca_pem.n;
    if (ca_pem.n)
        memcpy(context->pem, ca_pem.p, ca_pem.n);
    list_push_front(&all->recent, &context->link);
    if (++all->count > CONTEXTS_KEPT)
        forget(all, CONTAINER_OF(all->recent.prev, struct tls_context, link));
    return context;
}

enum status tls_context_get(struct tls_contexts *all, struct str ca_pem, struct tls_context **ret,
                            struct err *err)
{
    LIST_EACH(node, &all->recent)
    {
        struct tls_context *context = CONTAINER_OF(node, struct tls_context, link);
        if (!str_eq((struct str){context->pem, context->pem_size}, ca_pem))
            continue;
        if (all->recent.next != node) {
            list_remove(node);
            list_push_front(&all->recent, node);
        }
        *ret = tls_context_ref(context);
        return OK;
    }
    struct tls_context *context = context_new(all, ca_pem);
    if (!context)
        return err_say(err, E_INVALID, "bad_ca", "The CA certificate cannot be read.");
    *ret = tls_context_ref(context);
    return OK;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    context->refs++;
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (!context || --context->refs)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

void tls_session_release(struct tls_session *s)
{
    SSL_SESSION_free(s->handle);
    s->handle = NULL;
}

/* ---- connections ---- */

static bool expect_peer(SSL *ssl, struct str host, bool host_is_ip)
{
    char name[HOST_SIZE];

    if (host.n >= sizeof(name))
        return false;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    if (host_is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls *tls_new(struct tls_context *context, int fd, struct str host, bool host_is_ip,
                    struct tls_session *session)
{
    SSL *ssl = SSL_new(context->ssl);
    BIO *bio = bio_new(fd);

    if (!ssl || !bio || !expect_peer(ssl, host, host_is_ip)) {
        BIO_free(bio);
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, session);
    if (session && session->handle)
        SSL_set_session(ssl, session->handle);
    struct tls *t = mem_zalloc(sizeof(*t));
    t->ssl = ssl;
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    if (t->ready && !t->broken)
        SSL_shutdown(t->ssl);
    /* Otherwise the session would be spoilt for those who resume it. */
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    ERR_clear_error();
    free(t);
}

static enum tls_result result_of(struct tls *t, int ret)
{
    switch (SSL_get_error(t->ssl, ret)) {
    case SSL_ERROR_NONE:
        return TLS_OK;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_END;
    default:
        t->broken = true;
        t->error = ERR_peek_last_error();
        return TLS_FAILED;
    }
}

enum tls_result tls_handshake(struct tls *t)
{
    ERR_clear_error();
    enum tls_result result = result_of(t, SSL_do_handshake(t->ssl));
    t->ready = result == TLS_OK;
    return result;
}

enum tls_result tls_read(struct tls *t, char *to, size_t n, size_t *ret_n)
{
    ERR_clear_error();
    return result_of(t, SSL_read_ex(t->ssl, to, n, ret_n));
}

enum tls_result tls_write(struct tls *t, struct str bytes, size_t *ret_n)
{
    ERR_clear_error();
    return result_of(t, SSL_write_ex(t->ssl, bytes.p, bytes.n, ret_n));
}

bool tls_pending(const struct tls *t)
{
    return SSL_has_pending(t->ssl);
}

void tls_describe(const struct tls *t, char *out, size_t size)
{
    long verdict = SSL_get_verify_result(t->ssl);
    const char *reason = ERR_reason_error_string(t->error);

    if (verdict != X509_V_OK)
        snprintf(out, size, "certificate: %s", X509_verify_cert_error_string(verdict));
    else
        snprintf(out, size, "TLS: %s", reason ? reason : "the connection ended");
}
