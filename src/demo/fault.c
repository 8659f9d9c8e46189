/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/fault.h"

#include "base/clock.h"
#include "base/mem.h"
#include "demo/fields.h"
#include "demo/settings.h"

enum { RULE_MEMORY = 512 * 1024, MANY = 1 << 30 };

static const char *const malformed_words[] = {"no", "json", "sse", "utf8", NULL};

#define AT(member) offsetof(struct fault, member)
static const struct field rule_fields[] = {
    {"name", FIELD_TEXT, AT(name), 0, 0, NULL},
    {"route", FIELD_OTHER, 0, 0, 0, NULL},
    {"prompt", FIELD_TEXT, AT(prompt), 0, 0, NULL},
    {"model", FIELD_TEXT, AT(model), 0, 0, NULL},
    {"key", FIELD_TEXT, AT(key), 0, 0, NULL},
    {"path", FIELD_TEXT, AT(path), 0, 0, NULL},
    {"skip", FIELD_INT, AT(skip), 0, MANY, NULL},
    {"times", FIELD_INT, AT(times), 0, MANY, NULL},
    {"status", FIELD_INT, AT(status), 200, 599, NULL},
    {"headers", FIELD_OTHER, 0, 0, 0, NULL},
    {"body", FIELD_TEXT, AT(body), 0, 0, NULL},
    {"content_type", FIELD_TEXT, AT(content_type), 0, 0, NULL},
    {"json", FIELD_JSON, AT(json), 0, 0, NULL},
    {"error", FIELD_JSON, AT(error), 0, 0, NULL},
    {"redirect", FIELD_TEXT, AT(redirect), 0, 0, NULL},
    {"html", FIELD_BOOL, AT(html), 0, 0, NULL},
    {"accept", FIELD_BOOL, AT(accept), 0, 0, NULL},
    {"delay_ms", FIELD_INT, AT(delay_ms), 0, CLOCK_HOUR_MS, NULL},
    {"hold", FIELD_BOOL, AT(hold), 0, 0, NULL},
    {"hold_at", FIELD_INT, AT(hold_at), 0, MANY, NULL},
    {"stall", FIELD_OTHER, 0, 0, 0, NULL},
    {"drip", FIELD_OTHER, 0, 0, 0, NULL},
    {"cut", FIELD_OTHER, 0, 0, 0, NULL},
    {"length_delta", FIELD_INT, AT(length_delta), -MANY, MANY, NULL},
    {"truncate", FIELD_INT, AT(truncate), 0, MANY, NULL},
    {"malformed", FIELD_WORD, AT(malformed), 0, 0, malformed_words},
    {"no_done", FIELD_BOOL, AT(no_done), 0, 0, NULL},
    {"idle", FIELD_BOOL, AT(idle), 0, 0, NULL},
    {"job", FIELD_OTHER, 0, 0, 0, NULL},
};
static const struct field stall_fields[] = {
    {"at", FIELD_INT, AT(stall_at), 0, MANY, NULL},
    {"ms", FIELD_INT, AT(stall_ms), 0, CLOCK_HOUR_MS, NULL},
};
static const struct field drip_fields[] = {
    {"bytes", FIELD_INT, AT(drip_bytes), 1, MANY, NULL},
    {"every_ms", FIELD_INT, AT(drip_ms), 1, CLOCK_HOUR_MS, NULL},
};
#undef AT

#define AT(member) offsetof(struct job_plan, member)
static const struct field plan_fields[] = {
    {"duration_ms", FIELD_INT, AT(duration_ms), 0, CLOCK_DAY_MS, NULL},
    {"fail", FIELD_JSON, AT(fail), 0, 0, NULL},
    {"refuse", FIELD_BOOL, AT(refuse), 0, 0, NULL},
    {"fail_at", FIELD_INT, AT(fail_at), 0, 100, NULL},
    {"stick_at", FIELD_INT, AT(stick_at), 0, 100, NULL},
    {"progress", FIELD_BOOL, AT(progress), 0, 0, NULL},
    {"words", FIELD_OTHER, 0, 0, 0, NULL},
    {"new_id", FIELD_BOOL, AT(new_id), 0, 0, NULL},
    {"no_result", FIELD_BOOL, AT(no_result), 0, 0, NULL},
    {"links", FIELD_WORD, AT(links), 0, 0, link_style_words},
    {"link_ttl_ms", FIELD_INT, AT(link_ttl_ms), 0, CLOCK_DAY_MS, NULL},
    {"link_status", FIELD_INT, AT(link_status), 400, 599, NULL},
    {"content_status", FIELD_INT, AT(content_status), 400, 599, NULL},
    {"extra", FIELD_JSON, AT(extra), 0, 0, NULL},
};
static const struct field word_fields[] = {
    {"queued", FIELD_TEXT, AT(words[0]), 0, 0, NULL},
    {"in_progress", FIELD_TEXT, AT(words[1]), 0, 0, NULL},
    {"completed", FIELD_TEXT, AT(words[2]), 0, 0, NULL},
    {"failed", FIELD_TEXT, AT(words[3]), 0, 0, NULL},
};
#undef AT

static enum status add_route(struct fault *f, struct json name, struct err *err)
{
    struct str wanted = json_str_or(name, STR_NONE);

    if (str_eq(wanted, STR("*"))) {
        f->routes = ~0u;
        return OK;
    }
    for (unsigned i = 0; i < ROUTE_COUNT; i++) {
        if (str_eq(wanted, str_of(route_names[i]))) {
            f->routes |= 1u << i;
            return OK;
        }
    }
    return err_field(err, "invalid_field", "route", "there is no route \"%.*s\"",
                     (int)MIN(wanted.n, (size_t)60), wanted.p ? wanted.p : "");
}

static enum status read_routes(struct fault *f, struct json value, struct err *err)
{
    if (json_is_absent(value)) {
        f->routes = ~0u;
        return OK;
    }
    if (!json_is_array(value))
        return add_route(f, value, err);
    for (size_t i = 0; i < json_size(value); i++)
        TRY(add_route(f, json_at(value, i), err));
    return OK;
}

static enum status read_headers(struct fault *f, struct json value, struct err *err)
{
    for (size_t i = 0; i < json_size(value); i++) {
        struct str name = STR_NONE;
        struct str text = json_str_or(json_member(value, i, &name), STR_NONE);

        if (!text.p || f->header_count == FAULT_MAX_HEADERS)
            return err_field(err, "invalid_field", "headers",
                             "headers must be at most %d strings by name", FAULT_MAX_HEADERS);
        f->headers[f->header_count++] = (struct http_header){arena_str(f->arena, name),
                                                             arena_str(f->arena, text)};
    }
    return OK;
}

static enum status read_cut(struct fault *f, struct json value, struct err *err)
{
    struct json at = json_get(value, "at");
    struct str where = json_str_or(at, STR_NONE);
    struct str how = json_str_or(json_get(value, "how"), STR("fin"));

    if (json_is_absent(value))
        return OK;
    f->reset = str_eq(how, STR("reset"));
    f->cut_at = json_int_or(at, -1);
    if (str_eq(where, STR("before_body")))
        f->cut = CUT_BEFORE_BODY;
    else if (str_eq(where, STR("before_head")))
        f->cut = CUT_BEFORE_HEAD;
    else if (f->cut_at >= 0)
        f->cut = CUT_AT;
    if (f->cut == CUT_NONE || (!f->reset && !str_eq(how, STR("fin"))))
        return err_field(err, "invalid_field", "cut",
                         "cut must be {\"at\": \"before_body\", \"before_head\" or a number of "
                         "bytes, \"how\": \"fin\" or \"reset\"}");
    if (f->cut == CUT_BEFORE_BODY && (f->prompt.p || f->model.p))
        return err_field(err, "invalid_field", "cut",
                         "a rule that cuts before the body cannot know prompt or model");
    return OK;
}

static enum status read_part(struct json rule, const char *key, const struct field *fields,
                             size_t n, void *out, struct arena *a, struct err *err)
{
    struct json part = json_get(rule, key);

    return json_is_absent(part) ? OK : fields_read(part, fields, n, out, a, err);
}

static enum status read_rule(struct fault *f, struct json rule, struct err *err)
{
    struct json job = json_get(rule, "job");

    TRY(fields_read(rule, rule_fields, ARRAY_SIZE(rule_fields), f, f->arena, err));
    TRY(read_routes(f, json_get(rule, "route"), err));
    TRY(read_headers(f, json_get(rule, "headers"), err));
    TRY(read_cut(f, json_get(rule, "cut"), err));
    TRY(read_part(rule, "stall", stall_fields, ARRAY_SIZE(stall_fields), f, f->arena, err));
    TRY(read_part(rule, "drip", drip_fields, ARRAY_SIZE(drip_fields), f, f->arena, err));
    TRY(read_part(rule, "job", plan_fields, ARRAY_SIZE(plan_fields), &f->plan, f->arena, err));
    TRY(read_part(job, "words", word_fields, ARRAY_SIZE(word_fields), &f->plan, f->arena, err));
    if (f->plan.extra.p && f->plan.extra.p[0] != '{')
        return err_field(err, "invalid_field", "extra", "extra must be an object");
    f->source = fields_dump(rule, f->arena);
    if (!f->source.p)
        return err_say(err, E_TOO_LARGE, "too_large", "the rule is too long");
    return OK;
}

static enum status parse_rule(struct fault *f, struct json rule, struct err *err)
{
    TRY(json_need_object(rule, err));
    TRY(read_rule(f, rule, err));
    if (f->drip_bytes && !f->drip_ms)
        return err_field(err, "missing_field", "drip", "drip needs bytes and every_ms");
    return OK;
}

enum status fault_parse(struct json rule, struct fault **ret, struct err *err)
{
    struct fault *f = mem_zalloc(sizeof(*f));

    *f = (struct fault){
        .refs = 1,
        .arena = arena_new(RULE_MEMORY),
        .times = 1,
        .hold_at = -1,
        .stall_at = -1,
        .truncate = -1,
        .plan = {.duration_ms = -1,
                 .fail_at = 50,
                 .stick_at = -1,
                 .progress = true,
                 .links = -1,
                 .link_ttl_ms = -1},
    };
    list_init(&f->link);
    enum status status = parse_rule(f, rule, err);
    if (status == OK)
        *ret = f;
    else
        fault_unref(f);
    return status;
}

struct fault *fault_ref(struct fault *f)
{
    if (f)
        f->refs++;
    return f;
}

void fault_unref(struct fault *f)
{
    if (!f || --f->refs > 0)
        return;
    arena_free(f->arena);
    free(f);
}

bool fault_is_canned(const struct fault *f)
{
    return f->status || f->body.p || f->json.p || f->error.p || f->redirect.p || f->html;
}

void faults_init(struct faults *all)
{
    *all = (struct faults){.count = 0};
    list_init(&all->list);
}

static void drop(struct faults *all, struct fault *f)
{
    list_remove(&f->link);
    all->count--;
    fault_unref(f);
}

void faults_clear(struct faults *all)
{
    LIST_EACH(node, &all->list)
    drop(all, CONTAINER_OF(node, struct fault, link));
}

bool faults_remove(struct faults *all, struct str name)
{
    LIST_EACH(node, &all->list)
    {
        struct fault *f = CONTAINER_OF(node, struct fault, link);
        if (str_eq(f->name, name)) {
            drop(all, f);
            return true;
        }
    }
    return false;
}

enum status faults_add(struct faults *all, struct fault *f, struct err *err)
{
    all->named++;
    if (!f->name.n)
        f->name = arena_printf(f->arena, "rule-%llu", (unsigned long long)all->named);
    faults_remove(all, f->name);
    if (all->count == FAULT_MAX_RULES || !f->name.p) {
        fault_unref(f);
        return err_say(err, E_LIMIT, "too_many_rules", "there are %d rules already",
                       FAULT_MAX_RULES);
    }
    list_push_back(&all->list, &f->link);
    all->count++;
    return OK;
}

static bool within(struct str text, struct str part)
{
    return !part.n || (text.p && str_find(text, part) >= 0);
}

static bool fits(const struct fault *f, const struct fault_subject *s)
{
    if ((f->cut == CUT_BEFORE_BODY) == s->body_read)
        return false;
    if (!(f->routes & 1u << s->route) || !within(s->target, f->path) ||
        !within(s->prompt, f->prompt))
        return false;
    if (f->model.n && !str_eq(f->model, s->model))
        return false;
    return !f->key.n || str_eq(f->key, s->bearer);
}

struct fault *faults_match(struct faults *all, const struct fault_subject *s)
{
    LIST_EACH(node, &all->list)
    {
        struct fault *f = CONTAINER_OF(node, struct fault, link);

        if (!fits(f, s) || (f->times && f->applied >= f->times))
            continue;
        f->seen++;
        if (f->seen <= f->skip)
            continue;
        f->applied++;
        return fault_ref(f);
    }
    return NULL;
}

void faults_write(const struct faults *all, struct json_out *j)
{
    json_array(j);
    LIST_EACH(node, (struct list *)(uintptr_t)&all->list)
    {
        const struct fault *f = CONTAINER_OF(node, struct fault, link);
        json_object(j);
        json_kv_str(j, "name", f->name);
        json_kv_int(j, "seen", f->seen);
        json_kv_int(j, "applied", f->applied);
        if (f->times)
            json_kv_int(j, "left", f->times - f->applied);
        else
            json_kv_null(j, "left");
        json_key(j, "rule");
        json_raw(j, f->source);
        json_object_end(j);
    }
    json_array_end(j);
}
