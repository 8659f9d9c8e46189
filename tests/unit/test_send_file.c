/* SPDX-License-Identifier: Apache-2.0 */
/* Real files, real workers, a real server on loopback. */
#include "net/send_file.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "loopback.h"
#include "net/server_impl.h"

enum { LARGE_SIZE = 16 << 20 };
enum { FILE_SIZE = 1500 * 1000 + 7, ANSWER_MAX = 4 * 1024 * 1024 };
#define _cleanup_buf_ _cleanup_(buf_cleanup)

static struct {
    struct loop *loop;
    struct server *server;
    struct workers *readers;
    pthread_t thread;
    uint16_t port;
    char path[64];
    char *bytes;
    sem_t done;
} f;

static const struct embedded_file page = {
    .path = "index.html",
    .type = "text/html",
    .etag = "\"abc\"",
    .raw = {(const unsigned char *)"raw page", 8},
    .gzip = {(const unsigned char *)"zipped", 6},
    .br = {(const unsigned char *)"brotli", 6},
};
static const struct embedded_file asset = {
    .path = "assets/x-1.js",
    .type = "text/javascript",
    .etag = "\"def\"",
    .raw = {(const unsigned char *)"js", 2},
    .immutable = true,
};

static const unsigned char large_bytes[LARGE_SIZE];
static const struct embedded_file large = {
    .path = "assets/y-1.js",
    .type = "text/javascript",
    .etag = "\"ghi\"",
    .raw = {large_bytes, LARGE_SIZE},
};
/* Of the connection that was sent `large`, right then. */
static atomic_size_t large_waits, large_copied;

static void on_done(void *ctx)
{
    sem_post(ctx);
}

static void on_request(struct exchange *x, void *ctx)
{
    const struct http_header extra = {STR("X-Content-Type-Options"), STR("nosniff")};
    const struct send_file_options options = {.type = STR("video/mp4"),
                                              .etag = STR("\"v1\""),
                                              .cache_control = STR("private"),
                                              .disposition = STR("inline"),
                                              .extra = &extra,
                                              .extra_count = 1};
    struct str path = exchange_head(x)->path;
    (void)ctx;
    if (str_eq(path, STR("/page"))) {
        send_embedded(x, &page, &extra, 1);
    } else if (str_eq(path, STR("/asset"))) {
        send_embedded(x, &asset, NULL, 0);
    } else if (str_eq(path, STR("/large"))) {
        send_embedded(x, &large, NULL, 0);
        large_waits = exchange_pending(x);
        large_copied = server_conn_of(x)->out.size;
    } else if (str_eq(path, STR("/empty"))) {
        send_file(x, f.readers, open("/dev/null", O_RDONLY | O_CLOEXEC), 0, &options, on_done,
                  &f.done);
    } else {
        /* "/longer" claims more than there is. */
        uint64_t size = str_eq(path, STR("/longer")) ? FILE_SIZE + 1 : FILE_SIZE;
        send_file(x, f.readers, open(f.path, O_RDONLY | O_CLOEXEC), size, &options, on_done,
                  &f.done);
    }
}

static void *run(void *arg)
{
    (void)arg;
    loop_run(f.loop);
    return NULL;
}

static void write_file(void)
{
    snprintf(f.path, sizeof(f.path), "/tmp/kinora-send-file-XXXXXX");
    _cleanup_close_ int fd = mkstemp(f.path);
    f.bytes = mem_calloc(1, FILE_SIZE);
    for (size_t i = 0; i < FILE_SIZE; i++)
        f.bytes[i] = (char)(i * 31 ^ i >> 9);
    assert_int_equal(write(fd, f.bytes, FILE_SIZE), FILE_SIZE);
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    sem_init(&f.done, 0, 0);
    write_file();
    f.loop = loop_new();
    f.readers =
        workers_new(&(struct workers_config){.name = "reader", .threads = 2, .queue_length = 64});
    f.server = server_new(&(struct server_config){.loop = f.loop,
                                                  .limits = http_default_limits,
                                                  .head_timeout_ms = 5000,
                                                  .body_timeout_ms = 5000,
                                                  .idle_timeout_ms = 5000,
                                                  .write_timeout_ms = 5000,
                                                  .max_connections = 100,
                                                  .out_high = 256 * 1024,
                                                  .out_low = 64 * 1024,
                                                  .on_request = on_request});
    f.port = loopback_listen(f.server);
    pthread_create(&f.thread, NULL, run, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_stop(f.loop);
    pthread_join(f.thread, NULL);
    workers_free(f.readers);
    server_free(f.server);
    loop_free(f.loop);
    sem_destroy(&f.done);
    unlink(f.path);
    free(f.bytes);
    return 0;
}

static int dial(void)
{
    struct timeval limit = {.tv_sec = 10};
    int fd = loopback_dial(f.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

static struct buf read_all(int fd, size_t most)
{
    struct buf b = BUF_INIT(most + 65536);
    for (;;) {
        char *to = buf_reserve(&b, 65536);
        ssize_t got = read(fd, to, 65536);
        assert_true(got >= 0);
        if (got == 0)
            return b;
        buf_commit(&b, (size_t)got);
    }
}

/* method path fields; the whole answer. */
static struct buf ask(const char *line, const char *fields)
{
    char request[1024];
    _cleanup_close_ int fd = dial();
    int n = snprintf(request, sizeof(request),
                     "%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", line, fields);
    assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
    return read_all(fd, ANSWER_MAX);
}

static struct str body_of(const struct buf *b)
{
    ptrdiff_t end = str_find(buf_str(b), STR("\r\n\r\n"));
    assert_true(end > 0);
    return str_from(buf_str(b), (size_t)end + 4);
}

static bool has(const struct buf *b, const char *text)
{
    return str_find(buf_str(b), str_of(text)) >= 0;
}

static void expect_range(const char *range, const char *content_range, size_t first, size_t n)
{
    char fields[128], line[128];
    snprintf(fields, sizeof(fields), "Range: %s\r\n", range);
    snprintf(line, sizeof(line), "\r\nContent-Range: bytes %s/%d\r\n", content_range, FILE_SIZE);
    _cleanup_buf_ struct buf b = ask("GET /file", fields);
    assert_true(has(&b, "HTTP/1.1 206 Partial Content\r\n"));
    assert_true(has(&b, line));
    assert_true(str_eq(body_of(&b), (struct str){f.bytes + first, n}));
}

static void what_is_in_the_program_waits_without_a_copy(void **state)
{
    (void)state;
    _cleanup_close_ int fd = dial();
    struct str two = STR("GET /large HTTP/1.1\r\nHost: h\r\n\r\n"
                         "GET /page HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(send(fd, two.p, two.n, MSG_NOSIGNAL), two.n);
    _cleanup_buf_ struct buf all = read_all(fd, LARGE_SIZE + 4096);
    assert_true(has(&all, "HTTP/1.1 200 OK\r\n"));
    assert_true(str_ends(buf_str(&all), STR("raw page"))); /* the next one's */
    assert_true(buf_len(&all) > LARGE_SIZE + 8);
    assert_true(large_waits > LARGE_SIZE / 4);
    assert_int_equal(large_copied, 0);
}

static void sends_a_whole_file(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = ask("GET /file", "");
    assert_true(has(&b, "HTTP/1.1 200 OK\r\n"));
    assert_true(has(&b, "\r\nAccept-Ranges: bytes\r\n"));
    assert_true(has(&b, "\r\nETag: \"v1\"\r\n"));
    assert_true(has(&b, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_true(str_eq(body_of(&b), (struct str){f.bytes, FILE_SIZE}));
    sem_wait(&f.done);
    _cleanup_buf_ struct buf empty = ask("GET /empty", "");
    assert_true(has(&empty, "\r\nContent-Length: 0\r\n"));
    sem_wait(&f.done);
}

static void sends_ranges(void **state)
{
    (void)state;
    expect_range("bytes=0-0", "0-0", 0, 1);
    expect_range("bytes=10-19", "10-19", 10, 10);
    expect_range("bytes=1500000-", "1500000-1500006", 1500000, 7);
    expect_range("bytes=-5", "1500002-1500006", 1500002, 5);
    expect_range("bytes=200000-900000", "200000-900000", 200000, 700001);
    _cleanup_buf_ struct buf beyond = ask("GET /file", "Range: bytes=1500007-\r\n");
    assert_true(has(&beyond, "HTTP/1.1 416 "));
    assert_true(has(&beyond, "\r\nContent-Range: bytes */1500007\r\n"));
    assert_int_equal(body_of(&beyond).n, 0);
    _cleanup_buf_ struct buf several = ask("GET /file", "Range: bytes=0-1,5-6\r\n");
    assert_true(has(&several, "HTTP/1.1 200 "));
}

static void a_range_holds_only_for_the_same_bytes(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf same = ask("GET /file", "Range: bytes=0-9\r\nIf-Range: \"v1\"\r\n");
    assert_true(has(&same, "HTTP/1.1 206 "));
    _cleanup_buf_ struct buf other = ask("GET /file", "Range: bytes=0-9\r\nIf-Range: \"v2\"\r\n");
    assert_true(has(&other, "HTTP/1.1 200 "));
    assert_int_equal(body_of(&other).n, FILE_SIZE);
}

static void answers_conditions_and_head_without_bytes(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf same = ask("GET /file", "If-None-Match: \"v0\", W/\"v1\"\r\n");
    assert_true(has(&same, "HTTP/1.1 304 "));
    assert_false(has(&same, "Content-Length"));
    assert_int_equal(body_of(&same).n, 0);
    _cleanup_buf_ struct buf head = ask("HEAD /file", "");
    assert_true(has(&head, "\r\nContent-Length: 1500007\r\n"));
    assert_int_equal(body_of(&head).n, 0);
}

static void a_file_shorter_than_stated_does_not_look_whole(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = ask("GET /longer", "");
    assert_true(has(&b, "\r\nContent-Length: 1500008\r\n"));
    assert_true(body_of(&b).n < FILE_SIZE + 1);
}

static void survives_clients_that_leave_in_the_middle(void **state)
{
    static const char request[] = "GET /file HTTP/1.1\r\nHost: h\r\n\r\n";
    (void)state;
    for (int i = 0; i < 30; i++) {
        int fd = dial();
        assert_int_equal(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
        if (i % 3)
            poll(NULL, 0, i % 5);
        close(fd);
    }
    for (int i = 0; i < 30; i++)
        sem_wait(&f.done);
}

static void picks_the_smallest_coding_accepted(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf br = ask("GET /page", "Accept-Encoding: gzip, br\r\n");
    assert_true(str_eq(body_of(&br), STR("brotli")));
    assert_true(has(&br, "\r\nContent-Encoding: br\r\n"));
    assert_true(has(&br, "\r\nVary: Accept-Encoding\r\n"));
    assert_true(has(&br, "\r\nCache-Control: no-cache\r\n"));
    _cleanup_buf_ struct buf gz = ask("GET /page", "Accept-Encoding: br;q=0.0, gzip;q=0.5\r\n");
    assert_true(str_eq(body_of(&gz), STR("zipped")));
    _cleanup_buf_ struct buf raw = ask("GET /page", "Accept-Encoding: gzip;q=0\r\n");
    assert_true(str_eq(body_of(&raw), STR("raw page")));
    assert_false(has(&raw, "Content-Encoding"));
    _cleanup_buf_ struct buf same = ask("GET /page",
                                        "Accept-Encoding: br\r\nIf-None-Match: \"abc\"\r\n");
    assert_true(has(&same, "HTTP/1.1 304 "));
    _cleanup_buf_ struct buf js = ask("GET /asset", "Accept-Encoding: br\r\n");
    assert_true(str_eq(body_of(&js), STR("js")));
    assert_true(has(&js, "immutable\r\n"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_a_whole_file),
        TEST(sends_ranges),
        TEST(a_range_holds_only_for_the_same_bytes),
        TEST(answers_conditions_and_head_without_bytes),
        TEST(a_file_shorter_than_stated_does_not_look_whole),
        TEST(survives_clients_that_leave_in_the_middle),
        TEST(picks_the_smallest_coding_accepted),
        TEST(what_is_in_the_program_waits_without_a_copy),
    };
    return cmocka_run_group_tests_name("send_file", tests, NULL, NULL);
}
