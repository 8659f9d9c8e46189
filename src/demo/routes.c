/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/routes.h"

#include "base/mem.h"
#include "demo/chat.h"
#include "demo/control.h"
#include "demo/images.h"
#include "demo/links.h"
#include "demo/submit.h"
#include "demo/videos.h"

static void present_nothing(struct call *c)
{
    call_send_error(c, 404, "invalid_request_error", "unknown_url", STR_NONE,
                    arena_printf(c->arena, "Invalid URL (%s %.*s)",
                                 http_method_name(exchange_head(c->x)->method),
                                 (int)MIN(c->wish.path.n, (size_t)200), c->wish.path.p));
}

static void present_wrong_method(struct call *c)
{
    call_send_error(c, 405, "invalid_request_error", "method_not_allowed", STR_NONE,
                    STR("This method is not allowed here."));
}

static const struct action nothing = {ROUTE_OTHER, true, NULL, NULL, present_nothing};
static const struct action wrong_method = {ROUTE_OTHER, true, NULL, NULL, present_wrong_method};
static const struct action control_nothing = {ROUTE_CONTROL, true, NULL, NULL, present_nothing};

static const struct action chat = {ROUTE_CHAT, false, submit_read_chat, submit_job, chat_present};
static const struct action models = {ROUTE_MODELS, false, NULL, NULL, chat_present_models};
static const struct action create = {ROUTE_VIDEOS_CREATE, false, submit_read_video, submit_job,
                                     videos_present_job};
static const struct action remix = {ROUTE_VIDEOS_CREATE, false, submit_read_remix, submit_remix,
                                    videos_present_job};
static const struct action list = {ROUTE_VIDEOS_LIST, false, NULL, NULL, videos_present_list};
static const struct action get = {ROUTE_VIDEOS_GET, false, NULL, videos_find, videos_present_found};
static const struct action content = {ROUTE_VIDEOS_CONTENT, false, NULL, videos_find,
                                      videos_present_content};
static const struct action delete = {ROUTE_VIDEOS_DELETE, false, NULL, videos_delete,
                                     videos_present_deleted};
static const struct action images = {ROUTE_IMAGES, false, submit_read_image, submit_job,
                                     images_present};
static const struct action media = {ROUTE_MEDIA, true, NULL, NULL, links_present};
static const struct action keyed_media = {ROUTE_MEDIA, false, NULL, NULL, links_present};

#define CONTROL(name)                                                                              \
    {                                                                                              \
        ROUTE_CONTROL, true, NULL, NULL, name                                                      \
    }
static const struct action state = CONTROL(control_state);
static const struct action requests = CONTROL(control_requests);
static const struct action request = CONTROL(control_request);
static const struct action jobs = CONTROL(control_jobs);
static const struct action job = CONTROL(control_job);
static const struct action steer = CONTROL(control_steer);
static const struct action faults = CONTROL(control_faults);
static const struct action add_faults = CONTROL(control_add_faults);
static const struct action clear_faults = CONTROL(control_clear_faults);
static const struct action remove_fault = CONTROL(control_remove_fault);
static const struct action release = CONTROL(control_release);
static const struct action settings = CONTROL(control_settings);
static const struct action reset = CONTROL(control_reset);
#undef CONTROL

static const struct route table[] = {
    {HTTP_POST, "/sora/v1/chat/completions", &chat},
    {HTTP_POST, "/v1/chat/completions", &chat},
    {HTTP_GET, "/sora/v1/models", &models},
    {HTTP_GET, "/v1/models", &models},
    {HTTP_POST, "/v1/videos", &create},
    {HTTP_GET, "/v1/videos", &list},
    {HTTP_GET, "/v1/videos/{id}", &get},
    {HTTP_DELETE, "/v1/videos/{id}", &delete},
    {HTTP_GET, "/v1/videos/{id}/content", &content},
    {HTTP_POST, "/v1/videos/{id}/remix", &remix},
    {HTTP_POST, "/v1/images/generations", &images},
    {HTTP_POST, "/v1/images/edits", &images},
    {HTTP_GET, "/media/{file}", &media},
    {HTTP_GET, "/tmp/{file}", &keyed_media},
    {HTTP_GET, "/static/{file}", &keyed_media},
    {HTTP_GET, "/_demo/state", &state},
    {HTTP_GET, "/_demo/requests", &requests},
    {HTTP_GET, "/_demo/requests/{n}", &request},
    {HTTP_GET, "/_demo/jobs", &jobs},
    {HTTP_GET, "/_demo/jobs/{id}", &job},
    {HTTP_POST, "/_demo/jobs/{id}", &steer},
    {HTTP_GET, "/_demo/faults", &faults},
    {HTTP_POST, "/_demo/faults", &add_faults},
    {HTTP_DELETE, "/_demo/faults", &clear_faults},
    {HTTP_DELETE, "/_demo/faults/{name}", &remove_fault},
    {HTTP_POST, "/_demo/release", &release},
    {HTTP_POST, "/_demo/settings", &settings},
    {HTTP_POST, "/_demo/reset", &reset},
};

struct router *routes_new(void)
{
    return router_new(table, ARRAY_SIZE(table));
}

const struct action *routes_find(const struct router *router, const struct http_head *head,
                                 struct arena *a, struct route_match *ret)
{
    struct str allow = STR_NONE;
    bool control = str_starts(head->path, STR("/_demo/"));

    switch (router_match(router, head->method, head->path, a, ret, &allow)) {
    case ROUTE_FOUND:
        return ret->route->target;
    case ROUTE_NO_METHOD:
        return control ? &control_nothing : &wrong_method;
    case ROUTE_NO_PATH:
        break;
    }
    return control ? &control_nothing : &nothing;
}
