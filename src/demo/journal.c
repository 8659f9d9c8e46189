/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/journal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "platform/sha256.h"

enum { RECORD_MEMORY = 256 * 1024 };

struct body {
    struct buf kept;
    struct sha256 hash;
    unsigned char digest[SHA256_SIZE];
    uint64_t bytes;
    bool dropped, done;
};

struct record {
    struct list link;
    int refs;
    struct journal *journal; /* NULL once it has left the journal */
    struct arena *arena;
    uint64_t n;
    enum route_id route;
    struct str method, target, peer, rule, job;
    struct http_header *headers, *answer_headers;
    size_t header_count, answer_header_count;
    int64_t received_ms, received_mono, first_byte_ms, ended_ms;
    struct body request, answer;
    int status;
    bool held;
    enum record_end end;
};

static void body_init(struct body *b)
{
    buf_init(&b->kept, JOURNAL_BODY);
    sha256_init(&b->hash);
}

static void body_done(struct body *b)
{
    if (!b->done)
        sha256_final(&b->hash, b->digest);
    b->done = true;
}

static void body_drop(struct record *r, struct body *b)
{
    if (r->journal)
        r->journal->bytes -= buf_len(&b->kept);
    buf_release(&b->kept);
    b->dropped = true;
}

void record_unref(struct record *r)
{
    if (!r || --r->refs > 0)
        return;
    body_done(&r->request);
    body_done(&r->answer);
    buf_release(&r->request.kept);
    buf_release(&r->answer.kept);
    arena_free(r->arena);
    free(r);
}

static void forget(struct journal *j, struct record *r)
{
    body_drop(r, &r->request);
    body_drop(r, &r->answer);
    list_remove(&r->link);
    r->journal = NULL;
    j->count--;
    record_unref(r);
}

void journal_init(struct journal *j)
{
    *j = (struct journal){.count = 0};
    list_init(&j->records);
}

void journal_clear(struct journal *j)
{
    LIST_EACH(node, &j->records)
    forget(j, CONTAINER_OF(node, struct record, link));
    j->last = 0;
}

static struct http_header *copy_headers(struct arena *a, const struct http_header *from, size_t n)
{
    struct http_header *to = arena_alloc(a, n * sizeof(*to) + 1);

    for (size_t i = 0; to && i < n; i++)
        to[i] = (struct http_header){arena_str(a, from[i].name), arena_str(a, from[i].value)};
    return to;
}

struct record *journal_begin(struct journal *j, enum route_id route, const struct http_head *head,
                             struct str peer)
{
    struct record *r = mem_zalloc(sizeof(*r));

    r->refs = 2;
    r->journal = j;
    r->arena = arena_new(RECORD_MEMORY);
    r->n = ++j->last;
    r->route = route;
    r->method = arena_str(r->arena, head->method_text);
    r->target = arena_str(r->arena, head->target);
    r->peer = arena_str(r->arena, peer);
    r->headers = copy_headers(r->arena, head->headers, head->header_count);
    r->header_count = r->headers ? head->header_count : 0;
    r->received_ms = clock_wall_ms();
    r->received_mono = clock_mono_ms();
    r->first_byte_ms = r->ended_ms = -1;
    body_init(&r->request);
    body_init(&r->answer);
    list_push_back(&j->records, &r->link);
    if (++j->count > JOURNAL_RECORDS)
        forget(j, CONTAINER_OF(j->records.next, struct record, link));
    return r;
}

static void make_room(struct journal *j)
{
    LIST_EACH(node, &j->records)
    {
        struct record *r = CONTAINER_OF(node, struct record, link);
        if (j->bytes <= JOURNAL_BYTES)
            return;
        body_drop(r, &r->request);
        body_drop(r, &r->answer);
    }
}

static void body_add(struct record *r, struct body *b, struct str bytes)
{
    if (b->done)
        return;
    sha256_update(&b->hash, bytes);
    b->bytes += bytes.n;
    if (!r->journal || b->dropped)
        return;
    struct str kept = str_to(bytes, JOURNAL_BODY - buf_len(&b->kept));
    if (!kept.n || !buf_add(&b->kept, kept))
        return;
    r->journal->bytes += kept.n;
    make_room(r->journal);
}

void record_request_bytes(struct record *r, struct str bytes)
{
    if (r)
        body_add(r, &r->request, bytes);
}

void record_request_end(struct record *r)
{
    if (r)
        body_done(&r->request);
}

void record_note(struct record *r, struct str rule, struct str job)
{
    if (!r)
        return;
    if (rule.p)
        r->rule = arena_str(r->arena, rule);
    if (job.p)
        r->job = arena_str(r->arena, job);
}

void record_held(struct record *r, bool held)
{
    if (r)
        r->held = held;
}

void record_answer_head(struct record *r, int status, const struct http_header *headers, size_t n)
{
    if (!r)
        return;
    r->status = status;
    r->answer_headers = copy_headers(r->arena, headers, n);
    r->answer_header_count = r->answer_headers ? n : 0;
    r->first_byte_ms = clock_mono_ms() - r->received_mono;
}

void record_answer_bytes(struct record *r, struct str bytes)
{
    if (r)
        body_add(r, &r->answer, bytes);
}

void record_end(struct record *r, enum record_end end)
{
    if (!r || r->end != END_OPEN)
        return;
    r->end = end;
    r->ended_ms = clock_mono_ms() - r->received_mono;
    body_done(&r->answer);
}

void record_request_digest(const struct record *r, char out[65])
{
    hex_encode(r->request.digest, SHA256_SIZE, out);
}

static void write_headers(struct json_out *j, const struct http_header *headers, size_t n)
{
    json_key(j, "headers");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_array(j);
        json_str(j, headers[i].name);
        json_str(j, headers[i].value);
        json_array_end(j);
    }
    json_array_end(j);
}

static void write_bytes(struct json_out *j, const struct body *b)
{
    char hex[2 * SHA256_SIZE + 1];

    json_kv_int(j, "bytes", (int64_t)b->bytes);
    if (b->done) {
        hex_encode(b->digest, SHA256_SIZE, hex);
        json_kv_z(j, "sha256", hex);
    } else {
        json_kv_null(j, "sha256");
    }
    if (b->dropped) {
        json_kv_null(j, "base64");
        return;
    }
    struct buf text = BUF_INIT(JOURNAL_BODY * 2);
    base64_encode(&text, buf_str(&b->kept), false);
    json_kv_str(j, "base64", buf_str(&text));
    buf_release(&text);
}

static void write_answer(struct json_out *j, const struct record *r)
{
    static const char *const ends[] = {"open", "complete", "left", "cut"};

    json_key(j, "answer");
    json_object(j);
    if (r->status)
        json_kv_int(j, "status", r->status);
    else
        json_kv_null(j, "status");
    write_headers(j, r->answer_headers, r->answer_header_count);
    write_bytes(j, &r->answer);
    json_kv_z(j, "end", ends[r->end]);
    if (r->first_byte_ms >= 0)
        json_kv_int(j, "first_byte_ms", r->first_byte_ms);
    else
        json_kv_null(j, "first_byte_ms");
    if (r->end != END_OPEN)
        json_kv_int(j, "ended_ms", r->ended_ms);
    else
        json_kv_null(j, "ended_ms");
    json_object_end(j);
}

static void write_record(struct json_out *j, const struct record *r)
{
    json_object(j);
    json_kv_int(j, "n", (int64_t)r->n);
    json_kv_z(j, "route", route_names[r->route]);
    json_kv_str(j, "method", r->method);
    json_kv_str(j, "target", r->target);
    write_headers(j, r->headers, r->header_count);
    json_kv_time(j, "received_at", r->received_ms);
    json_kv_str(j, "connection", r->peer);
    json_key(j, "body");
    json_object(j);
    write_bytes(j, &r->request);
    json_kv_bool(j, "complete", r->request.done);
    json_object_end(j);
    json_kv_str_or_null(j, "rule", r->rule);
    json_kv_str_or_null(j, "job", r->job);
    json_kv_bool(j, "held", r->held);
    write_answer(j, r);
    json_object_end(j);
}

bool journal_write_one(const struct journal *j, uint64_t n, struct json_out *out)
{
    LIST_EACH(node, (struct list *)(uintptr_t)&j->records)
    {
        const struct record *r = CONTAINER_OF(node, struct record, link);
        if (r->n == n) {
            write_record(out, r);
            return true;
        }
    }
    return false;
}

void journal_write(const struct journal *j, uint64_t after, size_t limit, unsigned route,
                   struct json_out *out)
{
    json_array(out);
    LIST_EACH(node, (struct list *)(uintptr_t)&j->records)
    {
        const struct record *r = CONTAINER_OF(node, struct record, link);
        if (r->n <= after || (route != ROUTE_COUNT && route != (unsigned)r->route))
            continue;
        if (limit-- == 0)
            break;
        write_record(out, r);
    }
    json_array_end(out);
}
