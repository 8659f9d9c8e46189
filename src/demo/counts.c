/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/counts.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

const char *const route_names[] = {
    "chat",          "models", "videos.create", "videos.list", "videos.get", "videos.content",
    "videos.delete", "images", "media",         "other",       NULL,
};

static void submissions_release(struct submissions *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->rows[i].text);
    s->count = s->oldest = 0;
}

void counts_release(struct counts *c)
{
    submissions_release(&c->by_key);
    submissions_release(&c->by_prompt);
}

void counts_reset(struct counts *c)
{
    counts_release(c);
    c->received = c->accepted = 0;
    for (int i = 0; i < ROUTE_COUNT; i++) {
        uint64_t open = c->routes[i].open;
        c->routes[i] = (struct route_counts){.open = open, .max_open = open};
    }
}

void counts_open(struct counts *c, enum route_id route)
{
    struct route_counts *r = &c->routes[route];

    r->requests++;
    r->open++;
    r->max_open = MAX(r->max_open, r->open);
}

static struct submission *submission(struct submissions *s, struct str text)
{
    struct str shown = utf8_prefix(text, SUBMISSION_TEXT_MAX);
    struct submission *row;

    for (size_t i = 0; i < s->count; i++)
        if (str_eq(str_of(s->rows[i].text), shown))
            return &s->rows[i];
    if (s->count < SUBMISSIONS_MAX) {
        row = &s->rows[s->count++];
    } else {
        row = &s->rows[s->oldest];
        s->oldest = (s->oldest + 1) % SUBMISSIONS_MAX;
        free(row->text);
    }
    *row = (struct submission){.text = mem_strndup(shown.p, shown.n)};
    return row;
}

void counts_received(struct counts *c, struct str key, struct str prompt)
{
    c->received++;
    if (key.n)
        submission(&c->by_key, key)->received++;
    if (prompt.n)
        submission(&c->by_prompt, prompt)->received++;
}

void counts_accepted(struct counts *c, struct str key, struct str prompt)
{
    c->accepted++;
    if (key.n)
        submission(&c->by_key, key)->accepted++;
    if (prompt.n)
        submission(&c->by_prompt, prompt)->accepted++;
}

static void write_submissions(const struct submissions *s, const char *what, struct json_out *j)
{
    json_array(j);
    for (size_t i = 0; i < s->count; i++) {
        json_object(j);
        json_kv_z(j, what, s->rows[i].text);
        json_kv_int(j, "received", (int64_t)s->rows[i].received);
        json_kv_int(j, "accepted", (int64_t)s->rows[i].accepted);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_route(const struct route_counts *r, struct json_out *j)
{
    json_object(j);
    json_kv_int(j, "requests", (int64_t)r->requests);
    json_kv_int(j, "open", (int64_t)r->open);
    json_kv_int(j, "max_open", (int64_t)r->max_open);
    json_kv_int(j, "answered", (int64_t)r->answered);
    json_kv_int(j, "left", (int64_t)r->left);
    json_kv_int(j, "cut", (int64_t)r->cut);
    json_kv_int(j, "faulted", (int64_t)r->faulted);
    json_object_end(j);
}

void counts_write(const struct counts *c, size_t connections, struct json_out *j)
{
    uint64_t open = 0;

    for (int i = 0; i < ROUTE_COUNT; i++)
        open += c->routes[i].open;
    json_key(j, "open");
    json_object(j);
    json_kv_int(j, "connections", (int64_t)connections);
    json_kv_int(j, "requests", (int64_t)open);
    json_kv_int(j, "streams", (int64_t)c->streams);
    json_kv_int(j, "held", (int64_t)c->held);
    json_object_end(j);
    json_key(j, "routes");
    json_object(j);
    for (int i = 0; i < ROUTE_COUNT; i++) {
        json_key(j, route_names[i]);
        write_route(&c->routes[i], j);
    }
    json_object_end(j);
    json_key(j, "submissions");
    json_object(j);
    json_kv_int(j, "received", (int64_t)c->received);
    json_kv_int(j, "accepted", (int64_t)c->accepted);
    json_key(j, "by_key");
    write_submissions(&c->by_key, "key", j);
    json_key(j, "by_prompt");
    write_submissions(&c->by_prompt, "prompt", j);
    json_object_end(j);
}
