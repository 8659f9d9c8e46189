/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* peer — a real server on loopback for tests: one thread per connection runs the test's
 * own function, plain or TLS, and may behave as badly as it likes. */
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum { PEER_LINKS = 512, PEER_REQUEST = 1 << 20 };

struct peer;
struct peer_link {
    struct peer *peer;
    int fd, number; /* 0, 1 … in the order of arrival */
    SSL *ssl;
    pthread_t thread;
    char *in;
    size_t have;      /* bytes in `in` */
    size_t request_n; /* of them, the last request */
};
struct peer {
    int listen_fd;
    uint16_t port;
    SSL_CTX *tls;
    pthread_t thread;
    void (*serve)(struct peer_link *l);
    struct peer_link links[PEER_LINKS];
    atomic_int connections, requests, resumed;
    atomic_bool stop;
};

static inline ssize_t peer_recv(struct peer_link *l, char *to, size_t n)
{
    if (!l->ssl)
        return recv(l->fd, to, n, 0);
    return SSL_read(l->ssl, to, (int)n);
}

static inline void peer_send_n(struct peer_link *l, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = l->ssl ? SSL_write(l->ssl, p, (int)MIN(n, 16384u))
                              : send(l->fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

static inline void peer_send(struct peer_link *l, const char *text)
{
    peer_send_n(l, text, strlen(text));
}

/* Where a request ends: behind its Content-Length or its last chunk; 0: not yet. */
static inline size_t peer_request_end(const char *in, size_t n)
{
    const char *end = memmem(in, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - in) + 4;
    const char *length = memmem(in, head, "Content-Length: ", 16);
    if (memmem(in, head, "Transfer-Encoding: chunked", 26)) {
        const char *last = memmem(in + head - 2, n - head + 2, "\r\n0\r\n\r\n", 7);
        return last ? (size_t)(last - in) + 7 : 0;
    }
    size_t total = head + (length ? strtoul(length + 16, NULL, 10) : 0);
    return n >= total ? total : 0;
}

/* Reads one whole request, which is then l->in, NUL-terminated; false: the other side left. */
static inline bool peer_request(struct peer_link *l)
{
    memmove(l->in, l->in + l->request_n, l->have - l->request_n);
    l->have -= l->request_n;
    l->request_n = 0;
    while (!(l->request_n = peer_request_end(l->in, l->have))) {
        if (l->have == PEER_REQUEST)
            return false;
        ssize_t n = peer_recv(l, l->in + l->have, PEER_REQUEST - l->have);
        if (n <= 0)
            return false;
        l->have += (size_t)n;
    }
    atomic_fetch_add(&l->peer->requests, 1);
    if (l->have < PEER_REQUEST)
        l->in[l->have] = '\0';
    return true;
}

/* The head of a request, in l->in, and the sum of its body's bytes: for bodies of any length. */
static inline bool peer_sum(struct peer_link *l, uint64_t *ret)
{
    const char *end = NULL;
    size_t have = 0;
    uint64_t sum = 0;
    while (!end) {
        ssize_t n = peer_recv(l, l->in + have, PEER_REQUEST - have);
        if (n <= 0)
            return false;
        have += (size_t)n;
        end = memmem(l->in, have, "\r\n\r\n", 4);
    }
    const char *length = memmem(l->in, have, "Content-Length: ", 16);
    size_t left = length ? strtoul(length + 16, NULL, 10) : 0, at = (size_t)(end - l->in) + 4;
    usleep(20 * 1000); /* let the kernel's buffers fill */
    for (;;) {
        for (; at < have; at++, left--)
            sum = sum * 31 + (unsigned char)l->in[at];
        if (!left)
            break;
        ssize_t n = peer_recv(l, l->in, MIN(left, (size_t)PEER_REQUEST));
        if (n <= 0)
            return false;
        have = (size_t)n;
        at = 0;
    }
    *ret = sum;
    return true;
}

/* A reset instead of an orderly end. */
static inline void peer_reset(struct peer_link *l)
{
    struct linger now = {1, 0};
    setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static inline void peer_wait_until_gone(struct peer_link *l)
{
    char rest[4096];
    while (peer_recv(l, rest, sizeof(rest)) > 0)
        ;
}

static inline void *peer_link_thread(void *arg)
{
    struct peer_link *l = arg;

    l->in = malloc(PEER_REQUEST + 1);
    bool up = true;
    if (l->peer->tls) {
        l->ssl = SSL_new(l->peer->tls);
        SSL_set_fd(l->ssl, l->fd);
        up = SSL_accept(l->ssl) == 1;
        if (up && SSL_session_reused(l->ssl))
            atomic_fetch_add(&l->peer->resumed, 1);
    }
    if (up)
        l->peer->serve(l);
    if (l->ssl && up)
        SSL_shutdown(l->ssl);
    SSL_free(l->ssl);
    shutdown(l->fd, SHUT_WR);
    free(l->in);
    close(l->fd);
    return NULL;
}

static inline void *peer_thread(void *arg)
{
    struct peer *p = arg;

    while (!atomic_load(&p->stop)) {
        int fd = accept(p->listen_fd, NULL, NULL);
        int number = atomic_load(&p->connections);
        if (fd < 0 || number == PEER_LINKS)
            break;
        struct peer_link *l = &p->links[number];
        *l = (struct peer_link){.peer = p, .fd = fd, .number = number};
        atomic_fetch_add(&p->connections, 1);
        pthread_create(&l->thread, NULL, peer_link_thread, l);
    }
    return NULL;
}

static inline struct peer *peer_new(void (*serve)(struct peer_link *l), SSL_CTX *tls)
{
    struct peer *p = calloc(1, sizeof(*p));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);

    p->serve = serve;
    p->tls = tls;
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(p->listen_fd, (struct sockaddr *)&at, sizeof(at)) || listen(p->listen_fd, 256))
        abort();
    getsockname(p->listen_fd, (struct sockaddr *)&at, &size);
    p->port = ntohs(at.sin_port);
    pthread_create(&p->thread, NULL, peer_thread, p);
    return p;
}

/* The clients have to be gone. */
static inline void peer_free(struct peer *p)
{
    atomic_store(&p->stop, true);
    shutdown(p->listen_fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    for (int i = 0; i < atomic_load(&p->connections); i++)
        pthread_join(p->links[i].thread, NULL);
    close(p->listen_fd);
    SSL_CTX_free(p->tls);
    free(p);
}

/* ---- certificates ---- */

struct peer_cert {
    EVP_PKEY *key;
    X509 *cert;
    char pem[4096];
};

/* names: "DNS:localhost,IP:127.0.0.1", or NULL for an authority; issuer NULL: by itself. */
static inline struct peer_cert peer_cert_new(const char *names, const struct peer_cert *issuer,
                                             long from_s, long to_s)
{
    struct peer_cert c = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
    static long serial;
    const char *kind = names ? "CA:FALSE" : "critical,CA:TRUE";
    X509V3_CTX context;

    X509_set_version(c.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c.cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(c.cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(c.cert), to_s);
    X509_set_pubkey(c.cert, c.key);
    X509_NAME *name = X509_get_subject_name(c.cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)(names ? "server" : "authority"), -1, -1, 0);
    X509_set_issuer_name(c.cert, X509_get_subject_name(issuer ? issuer->cert : c.cert));
    X509V3_set_ctx(&context, issuer ? issuer->cert : c.cert, c.cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, kind);
    X509_add_ext(c.cert, e, -1);
    X509_EXTENSION_free(e);
    if (names) {
        e = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names);
        X509_add_ext(c.cert, e, -1);
        X509_EXTENSION_free(e);
    }
    X509_sign(c.cert, issuer ? issuer->key : c.key, EVP_sha256());
    BIO *out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, c.cert);
    int n = BIO_read(out, c.pem, sizeof(c.pem) - 1);
    c.pem[n > 0 ? n : 0] = '\0';
    BIO_free(out);
    return c;
}

static inline void peer_cert_release(struct peer_cert *c)
{
    X509_free(c->cert);
    EVP_PKEY_free(c->key);
}

static inline SSL_CTX *peer_tls(const struct peer_cert *c)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(tls, c->cert);
    SSL_CTX_use_PrivateKey(tls, c->key);
    return tls;
}
