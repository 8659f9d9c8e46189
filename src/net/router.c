/* SPDX-License-Identifier: Apache-2.0 */
/* A tree of segments.  Of the nodes that a path leads to, literal segments first, the
 * first that knows the method is taken; a `{name...}` node only when the path leads to no
 * other, so that a catch-all for a page never hides a 405.  A path that is a pattern letter
 * for letter is found in a table beside the tree, without a search. */
#include "net/router.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { MAX_SEGMENTS = 16 };
#define METHODS HTTP_OTHER

struct node {
    struct str segment; /* literal; of the pattern */
    struct node **literals;
    size_t literal_count;
    struct node *parameter, *rest;
    const struct route *routes[METHODS];
    bool is_target; /* some method */
};

/* A pattern without parameters, and where it ends in the tree. */
struct literal {
    struct str path;
    const struct node *node; /* NULL: an empty slot */
};

struct router {
    struct node root;
    struct literal *literals; /* a hash table: most requests name one of these */
    size_t literal_mask;      /* its slots, a power of two, less one */
    size_t literal_longest;
};

static bool is_dots(struct str s)
{
    return str_eq(s, STR(".")) || str_eq(s, STR(".."));
}

static bool has_dots(struct str path)
{
    while (path.p) {
        if (is_dots(str_cut(&path, '/')))
            return true;
    }
    return false;
}

/* No bad escape, NUL or dot segment; valid UTF-8 throughout. */
static bool path_is_clean(struct str path)
{
    while (path.p) {
        struct str segment = str_cut(&path, '/');
        char text[512];
        struct buf decoded = {.p = text, .size = sizeof(text), .cap = sizeof(text)};
        if (is_dots(segment))
            return false;
        if (!str_has_char(segment, '%'))
            continue;
        if (segment.n > sizeof(text) || !http_percent_decode(segment, false, &decoded) ||
            has_dots(buf_str(&decoded)) || !utf8_valid(buf_str(&decoded)))
            return false;
    }
    return true;
}

/* The path's own slot, or the empty one that it would take. */
static struct literal *literal_slot(const struct router *r, struct str path)
{
    size_t i = str_hash(path) & r->literal_mask;
    while (r->literals[i].node && !str_eq(r->literals[i].path, path))
        i = (i + 1) & r->literal_mask;
    return &r->literals[i];
}

/* ---- building ---- */

static void refuse(const struct route *route, const char *why)
{
    fprintf(stderr, "kinora: route %s: %s\n", route->pattern, why);
    abort();
}

static struct node *child_literal(struct node *n, struct str segment)
{
    for (size_t i = 0; i < n->literal_count; i++) {
        if (str_eq(n->literals[i]->segment, segment))
            return n->literals[i];
    }
    struct node *child = mem_zalloc(sizeof(*child));
    child->segment = segment;
    n->literals = mem_realloc(n->literals, (n->literal_count + 1) * sizeof(struct node *));
    n->literals[n->literal_count++] = child;
    return child;
}

static struct node *child_of(struct node *n, struct str segment)
{
    struct node **place;
    if (segment.n < 3 || segment.p[0] != '{')
        return child_literal(n, segment);
    place = str_ends(segment, STR("...}")) ? &n->rest : &n->parameter;
    if (!*place)
        *place = mem_zalloc(sizeof(struct node));
    return *place;
}

static void add_literal(struct router *r, struct str path, const struct node *n)
{
    if (!path_is_clean(path)) /* matches nothing */
        return;
    *literal_slot(r, path) = (struct literal){path, n};
    r->literal_longest = MAX(r->literal_longest, path.n);
}

static void add_route(struct router *r, const struct route *route)
{
    struct str pattern = str_of(route->pattern);
    struct node *n = &r->root;
    size_t segments = 0, parameters = 0;
    bool rest_seen = false;

    if (!str_starts(pattern, STR("/")) || route->method >= METHODS)
        refuse(route, "no pattern or method");
    pattern = str_from(pattern, 1);
    do {
        struct str segment = str_cut(&pattern, '/');
        bool is_parameter = segment.n && segment.p[0] == '{';
        parameters += is_parameter;
        if (rest_seen || ++segments > MAX_SEGMENTS || parameters > ROUTER_MAX_PARAMS)
            refuse(route, "too many segments or parameters");
        rest_seen = is_parameter && str_ends(segment, STR("...}"));
        n = child_of(n, segment);
    } while (pattern.p);
    if (n->routes[route->method])
        refuse(route, "stands twice");
    n->routes[route->method] = route;
    n->is_target = true;
    if (!parameters)
        add_literal(r, str_of(route->pattern), n);
}

static void make_literals(struct router *r, size_t routes)
{
    size_t slots = 1;
    while (slots < 2 * routes + 1)
        slots *= 2;
    r->literals = mem_calloc(slots, sizeof(*r->literals));
    r->literal_mask = slots - 1;
}

struct router *router_new(const struct route *routes, size_t n)
{
    struct router *r = mem_zalloc(sizeof(*r));
    make_literals(r, n);
    for (size_t i = 0; i < n; i++)
        add_route(r, &routes[i]);
    return r;
}

static void release_children(struct node *n);

static void free_node(struct node *n)
{
    if (!n)
        return;
    release_children(n);
    free(n);
}

static void release_children(struct node *n)
{
    for (size_t i = 0; i < n->literal_count; i++)
        free_node(n->literals[i]);
    free(n->literals);
    free_node(n->parameter);
    free_node(n->rest);
}

void router_free(struct router *r)
{
    if (!r)
        return;
    release_children(&r->root);
    free(r->literals);
    free(r);
}

/* ---- matching ---- */

struct search {
    enum http_method method;
    const struct route *found;
    bool path_found;
    unsigned allowed; /* bits of methods */
    struct str raw[ROUTER_MAX_PARAMS], found_raw[ROUTER_MAX_PARAMS];
};

static const struct route *route_of(const struct node *n, enum http_method method)
{
    const struct route *route = n->routes[method];
    return !route && method == HTTP_HEAD ? n->routes[HTTP_GET] : route;
}

/* True when the search is over. */
static bool visit(struct search *s, const struct node *n)
{
    const struct route *route = route_of(n, s->method);
    if (!n->is_target)
        return false;
    s->path_found = true;
    for (unsigned m = 0; m < METHODS; m++)
        s->allowed |= n->routes[m] ? 1u << m : 0;
    if (!route)
        return false;
    s->found = route;
    memcpy(s->found_raw, s->raw, sizeof(s->raw));
    return true;
}

/* raw as sent against a literal: only escapes that spell the same bytes are equal. */
static bool segment_equals(struct str raw, struct str literal)
{
    if (!str_has_char(raw, '%'))
        return str_eq(raw, literal);
    char text[256];
    struct buf decoded = {.p = text, .size = sizeof(text), .cap = sizeof(text)};
    return raw.n <= sizeof(text) && http_percent_decode(raw, false, &decoded) &&
           str_eq(buf_str(&decoded), literal);
}

static bool has_encoded_slash(struct str raw)
{
    return str_find(raw, STR("%2F")) >= 0 || str_find(raw, STR("%2f")) >= 0;
}

static bool descend(struct search *s, const struct node *n, struct str left, size_t parameters);

static bool try_literals(struct search *s, const struct node *n, struct str segment,
                         struct str left, size_t parameters)
{
    for (size_t i = 0; i < n->literal_count; i++) {
        if (segment_equals(segment, n->literals[i]->segment))
            return descend(s, n->literals[i], left, parameters);
    }
    return false;
}

/* left: what follows the node's own '/'; STR_NONE at the path's end. */
static bool descend(struct search *s, const struct node *n, struct str left, size_t parameters)
{
    if (!left.p)
        return visit(s, n);
    struct str whole = left, segment = str_cut(&left, '/');
    if (try_literals(s, n, segment, left, parameters))
        return true;
    if (n->parameter && segment.n && !has_encoded_slash(segment)) {
        s->raw[parameters] = segment;
        if (descend(s, n->parameter, left, parameters + 1))
            return true;
    }
    if (n->rest && !s->path_found) {
        s->raw[parameters] = whole;
        return visit(s, n->rest);
    }
    return false;
}

static bool decode_value(struct str raw, struct arena *a, struct str *ret)
{
    char *to = arena_alloc(a, raw.n + 1);
    if (!to)
        return false;
    struct buf decoded = {.p = to, .size = raw.n + 1, .cap = raw.n + 1};
    if (!http_percent_decode(raw, false, &decoded))
        return false;
    *ret = buf_str(&decoded);
    return true;
}

static struct str parameter_name(struct str segment)
{
    struct str name = str_to(str_from(segment, 1), segment.n - 2);
    return str_ends(name, STR("...")) ? str_to(name, name.n - 3) : name;
}

static bool fill_match(const struct search *s, struct arena *a, struct route_match *ret)
{
    struct str pattern = str_of(s->found->pattern);
    *ret = (struct route_match){.route = s->found};
    while (pattern.p) {
        struct str segment = str_cut(&pattern, '/');
        if (!segment.n || segment.p[0] != '{')
            continue;
        size_t i = ret->param_count++;
        ret->names[i] = parameter_name(segment);
        if (!decode_value(s->found_raw[i], a, &ret->values[i]))
            return false;
    }
    return true;
}

static struct str allow_value(unsigned allowed, struct arena *a)
{
    char text[64];
    struct buf out = {.p = text, .size = sizeof(text), .cap = sizeof(text)};
    if (allowed & 1u << HTTP_GET)
        allowed |= 1u << HTTP_HEAD;
    for (unsigned m = 0; m < METHODS; m++) {
        if (!(allowed & 1u << m))
            continue;
        buf_add(&out, buf_len(&out) ? STR(", ") : STR(""));
        buf_add(&out, str_of(http_method_name((enum http_method)m)));
    }
    return arena_str(a, buf_str(&out));
}

/* What the search would find first; NULL: it has to search. */
static const struct route *literal_route(const struct router *r, enum http_method method,
                                         struct str path)
{
    if (path.n > r->literal_longest)
        return NULL;
    const struct node *n = literal_slot(r, path)->node;
    return n ? route_of(n, method) : NULL;
}

enum router_result router_match(const struct router *r, enum http_method method, struct str path,
                                struct arena *a, struct route_match *ret, struct str *ret_allow)
{
    struct search s = {.method = method};
    if (method >= METHODS)
        return ROUTE_NO_PATH;
    const struct route *literal = literal_route(r, method, path);
    if (literal) {
        *ret = (struct route_match){.route = literal};
        return ROUTE_FOUND;
    }
    if (!str_starts(path, STR("/")) || !path_is_clean(path))
        return ROUTE_NO_PATH;
    descend(&s, &r->root, str_from(path, 1), 0);
    if (s.found)
        return fill_match(&s, a, ret) ? ROUTE_FOUND : ROUTE_NO_PATH;
    if (!s.path_found)
        return ROUTE_NO_PATH;
    *ret_allow = allow_value(s.allowed, a);
    return ROUTE_NO_METHOD;
}
