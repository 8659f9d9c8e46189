/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/control.h"

#include "base/mem.h"
#include "demo/fields.h"
#include "demo/links.h"

enum { REQUESTS_MAX = 100 };

static void send_done(struct call *c)
{
    buf_reset(&c->out);
    buf_add(&c->out, STR("{\"ok\":true}"));
    call_send_json(c, 200);
}

static void send_missing(struct call *c)
{
    call_send_error(c, 404, "invalid_request_error", "not_found", STR_NONE,
                    STR("There is nothing of this name."));
}

/* The body as JSON; an empty one is {}. */
static enum status read_body(struct call *c, struct json_doc **ret, struct err *err)
{
    TRY(json_parse(buf_len(&c->body) ? buf_str(&c->body) : STR("{}"), ret, err));
    return json_need_object(json_root(*ret), err);
}

static void write_totals(const struct call *c, struct json_out *j)
{
    const struct jobs *jobs = &c->demo->jobs;

    json_key(j, "jobs");
    json_object(j);
    json_kv_int(j, "made", (int64_t)jobs->made);
    json_kv_int(j, "active", (int64_t)jobs->active);
    json_kv_int(j, "completed", (int64_t)jobs->completed);
    json_kv_int(j, "failed", (int64_t)jobs->failed);
    json_kv_int(j, "cancelled", (int64_t)jobs->cancelled);
    json_object_end(j);
    json_kv_int(j, "renders", (int64_t)media_renders(c->demo->store));
}

void control_state(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    json_object(&j);
    json_kv_time(&j, "started_at", c->demo->started_ms);
    json_key(&j, "settings");
    settings_write(&c->demo->settings, &j);
    counts_write(&c->demo->counts, server_connection_count(c->demo->server), &j);
    write_totals(c, &j);
    json_key(&j, "faults");
    faults_write(&c->demo->faults, &j);
    json_object_end(&j);
    call_send_json(c, 200);
}

/* Requests. */

static unsigned route_of(struct str name)
{
    unsigned i = 0;

    while (route_names[i] && !str_eq(name, str_of(route_names[i])))
        i++;
    return i;
}

void control_requests(struct call *c)
{
    uint64_t after = 0, limit = REQUESTS_MAX;
    struct json_out j;

    str_to_u64(call_query(c, "after"), &after);
    str_to_u64(call_query(c, "limit"), &limit);
    json_out_init(&j, &c->out);
    json_object(&j);
    json_key(&j, "requests");
    journal_write(&c->demo->journal, after, MIN(limit, (uint64_t)REQUESTS_MAX),
                  route_of(call_query(c, "route")), &j);
    json_object_end(&j);
    call_send_json(c, 200);
}

void control_request(struct call *c)
{
    struct json_out j;
    uint64_t n = 0;

    json_out_init(&j, &c->out);
    if (str_to_u64(call_param(c, "n"), &n) && journal_write_one(&c->demo->journal, n, &j))
        call_send_json(c, 200);
    else
        send_missing(c);
}

/* Jobs. */

static void write_wish(const struct wish *w, struct json_out *j)
{
    json_kv_z(j, "kind", kind_name(w->spec.kind));
    json_kv_str(j, "model", w->model);
    json_kv_str(j, "prompt", w->prompt);
    json_kv_int(j, "width", w->spec.width);
    json_kv_int(j, "height", w->spec.height);
    json_kv_int(j, "seconds", w->spec.seconds);
    json_kv_int(j, "count", w->count);
    json_kv_int(j, "input_images", w->input_images);
    json_kv_str(j, "bearer", w->bearer);
    json_kv_str_or_null(j, "idempotency_key", w->idempotency_key.n ? w->idempotency_key : STR_NONE);
    json_kv_str_or_null(j, "remixed_from", w->remixed_from.n ? w->remixed_from : STR_NONE);
}

static void write_job(struct call *c, const struct job *job, struct json_out *j)
{
    json_object(j);
    json_kv_z(j, "id", job->id);
    json_kv_z(j, "shown_id", job->shown_id);
    json_kv_z(j, "route", route_names[job->route]);
    write_wish(&job->wish, j);
    json_kv_str(j, "status", job_word(job));
    json_kv_int(j, "progress", job->progress);
    json_kv_time(j, "created_at", job->created_ms);
    json_kv_time(j, "ended_at", job->ended_ms);
    json_key(j, "links");
    json_array(j);
    for (size_t i = 0; job->state == JOB_COMPLETED && i < job->media_count; i++)
        json_str(j, links_make(c, job, i));
    json_array_end(j);
    json_key(j, "error");
    json_raw(j, job->error.p ? job->error : STR("null"));
    json_object_end(j);
}

static void send_job(struct call *c, const struct job *job)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    write_job(c, job, &j);
    call_send_json(c, 200);
}

void control_jobs(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    json_object(&j);
    json_key(&j, "jobs");
    json_array(&j);
    LIST_EACH(node, &c->demo->jobs.list)
    write_job(c, CONTAINER_OF(node, struct job, link), &j);
    json_array_end(&j);
    json_object_end(&j);
    call_send_json(c, 200);
}

void control_job(struct call *c)
{
    const struct job *job = jobs_find(&c->demo->jobs, call_param(c, "id"));

    if (job)
        send_job(c, job);
    else
        send_missing(c);
}

struct steering {
    int64_t progress;
    bool finish, expire_links, forget;
    struct str fail;
};

static enum status read_steering(struct call *c, struct steering *s, struct err *err)
{
    static const struct field fields[] = {
        {"progress", FIELD_INT, offsetof(struct steering, progress), 0, 100, NULL},
        {"finish", FIELD_BOOL, offsetof(struct steering, finish), 0, 0, NULL},
        {"expire_links", FIELD_BOOL, offsetof(struct steering, expire_links), 0, 0, NULL},
        {"forget", FIELD_BOOL, offsetof(struct steering, forget), 0, 0, NULL},
        {"fail", FIELD_JSON, offsetof(struct steering, fail), 0, 0, NULL},
    };
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;

    TRY(read_body(c, &doc, err));
    return fields_read(json_root(doc), fields, ARRAY_SIZE(fields), s, c->arena, err);
}

static void steer(struct job *job, const struct steering *s)
{
    if (s->progress >= 0)
        job_pin(job, s->progress);
    if (s->finish)
        job_finish(job);
    if (s->fail.p)
        job_fail(job, s->fail);
    if (s->expire_links)
        job->links_dead = true;
    if (s->forget)
        job_forget(job);
}

void control_steer(struct call *c)
{
    struct steering s = {.progress = -1};
    struct err err = {.status = OK};

    c->job = jobs_find(&c->demo->jobs, call_param(c, "id"));
    if (!c->job) {
        send_missing(c);
        return;
    }
    job_ref(c->job);
    if (read_steering(c, &s, &err) != OK) {
        call_send_err(c, &err);
        return;
    }
    steer(c->job, &s);
    send_job(c, c->job);
}

/* Rules. */

void control_faults(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    json_object(&j);
    json_key(&j, "faults");
    faults_write(&c->demo->faults, &j);
    json_object_end(&j);
    call_send_json(c, 200);
}

/* All of them are read before the first is added. */
static enum status read_rules(struct json rules, struct fault **out, size_t *n, struct err *err)
{
    for (size_t i = 0; i < json_size(rules); i++) {
        if (*n == FAULT_MAX_RULES)
            return err_say(err, E_LIMIT, "too_many_rules", "At most %d rules.", FAULT_MAX_RULES);
        TRY(fault_parse(json_at(rules, i), &out[*n], err));
        ++*n;
    }
    return OK;
}

static enum status add_rules(struct call *c, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct fault *rules[FAULT_MAX_RULES];
    size_t n = 0;

    TRY(read_body(c, &doc, err));
    struct json root = json_root(doc), list = json_get(root, "rules");
    enum status status = OK;
    if (json_is_array(list))
        status = read_rules(list, rules, &n, err);
    else if ((status = fault_parse(root, &rules[0], err)) == OK)
        n = 1;
    if (status == OK && json_bool_or(json_get(root, "replace"), false))
        faults_clear(&c->demo->faults);
    for (size_t i = 0; i < n; i++) {
        if (status == OK)
            status = faults_add(&c->demo->faults, rules[i], err);
        else
            fault_unref(rules[i]);
    }
    return status;
}

void control_add_faults(struct call *c)
{
    struct err err = {.status = OK};

    if (add_rules(c, &err) == OK)
        control_faults(c);
    else
        call_send_err(c, &err);
}

void control_clear_faults(struct call *c)
{
    faults_clear(&c->demo->faults);
    send_done(c);
}

void control_remove_fault(struct call *c)
{
    if (faults_remove(&c->demo->faults, call_param(c, "name")))
        send_done(c);
    else
        send_missing(c);
}

/* The rest. */

void control_release(struct call *c)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err err = {.status = OK};
    int64_t released = 0;
    struct json_out j;

    if (read_body(c, &doc, &err) != OK) {
        call_send_err(c, &err);
        return;
    }
    struct str rule = json_str_or(json_get(json_root(doc), "rule"), STR_NONE);
    LIST_EACH(node, &c->demo->calls)
    {
        struct call *other = CONTAINER_OF(node, struct call, link);
        if (!rule.p || (other->fault && str_eq(other->fault->name, rule)))
            released += answer_go(&other->answer);
    }
    json_out_init(&j, &c->out);
    json_object(&j);
    json_kv_int(&j, "released", released);
    json_object_end(&j);
    call_send_json(c, 200);
}

void control_settings(struct call *c)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err err = {.status = OK};
    struct json_out j;

    if (read_body(c, &doc, &err) != OK ||
        settings_read(json_root(doc), &c->demo->settings, &err) != OK) {
        call_send_err(c, &err);
        return;
    }
    json_out_init(&j, &c->out);
    settings_write(&c->demo->settings, &j);
    call_send_json(c, 200);
}

void control_reset(struct call *c)
{
    struct demo *demo = c->demo;

    LIST_EACH(node, &demo->calls)
    {
        struct call *other = CONTAINER_OF(node, struct call, link);
        if (other->record)
            answer_cut(&other->answer, false);
    }
    faults_clear(&demo->faults);
    jobs_clear(&demo->jobs);
    journal_clear(&demo->journal);
    counts_reset(&demo->counts);
    demo->settings = settings_default(&demo->options);
    send_done(c);
}
