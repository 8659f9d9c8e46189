/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* dialect — one upstream language: pure translation, no sockets, no clock, no SQL.
 *
 * A dialect turns a request into HTTP words and an HTTP answer into an outcome.  Who
 * sends, waits, retries and pays is decided elsewhere.  A new upstream is one new file
 * with one `const struct dialect`, and a line in dialect.c's table.
 *
 * There are two kinds.  A *task* dialect submits, gets an id, is polled, and its media
 * are fetched.  A *stream* dialect has no id: the answer to the submission is the job,
 * read as it arrives.  A task dialect may have single requests of the second kind (images
 * that come in the answer itself), which build_submit says of them.
 *
 * Views in what is returned live in the arena given; those of a stream's outcome in it and in
 * the stream. */
#include "base/arena.h"
#include "base/err.h"
#include "model/job.h"
#include "net/url.h"

enum { DIALECT_MAX_HEADERS = 8, DIALECT_MAX_MEDIA = 10, DIALECT_MAX_IMAGES = 16 };

/* An input image: an address, or its bytes. */
struct dialect_image {
    struct str url; /* http(s) */
    struct str bytes, type;
};

/* What is wanted, in nobody's dialect.  Absent: STR_NONE or 0. */
struct dialect_request {
    struct str model;       /* the upstream's name for it, mapped already */
    struct str asked_model; /* the caller's */
    enum media_type media_type;
    struct str prompt;
    int64_t count;
    struct str orientation; /* "landscape", "portrait" */
    int64_t seconds;
    struct str size;                    /* "1280x720" */
    bool size_said;                     /* by the caller, and not by the model's name alone */
    struct str image_url;               /* http(s) address or data URL of the reference */
    struct str image_bytes, image_type; /* the same, decoded, for multipart */
    struct dialect_image more_images[DIALECT_MAX_IMAGES - 1]; /* behind that one */
    size_t more_image_count;
    struct dialect_image mask; /* where the first may be changed */
    struct str remix_of;       /* the upstream's id of the work to remix */
    struct str extra;  /* JSON object: what else the caller said ("seed", …), for who knows it */
    struct str secret; /* the job's, unknown to its caller and the same at every try */
    bool other_form;   /* the account has refused the usual form of such a request */
};

struct dialect_target {
    struct url base;       /* the account's base_url */
    struct str credential; /* API key or access token */
};

/* A request to make. */
struct dialect_http {
    struct str method;
    struct url url;
    struct {
        struct str name, value;
    } headers[DIALECT_MAX_HEADERS];
    size_t header_count;
    struct str body;
    bool sends_credential; /* some header carries it: never to another origin */
    /* Of a submission. */
    bool answer_is_job;  /* what a stream dialect does always: read by the stream functions */
    bool has_other_form; /* `other_form` would say the same in another way */
};

/* An answer that came. */
struct dialect_answer {
    int status;
    struct str type, body;
};

enum dialect_state {
    DIALECT_PENDING,
    DIALECT_RUNNING,
    DIALECT_DONE,
    DIALECT_FAILED,
    DIALECT_CANCELLED
};

/* The task goes on: there will be another outcome. */
static inline bool dialect_goes_on(enum dialect_state state)
{
    return state == DIALECT_PENDING || state == DIALECT_RUNNING;
}

struct dialect_media {
    struct str url;          /* absolute */
    bool needs_credential;   /* opened by the account's own credential only (GW-9) */
    struct str bytes_base64; /* instead of url, for answers that carry the bytes */
    enum media_type type;
};

/* A task that the upstream has taken. */
struct dialect_task {
    struct str id;
    struct str ref; /* the latest that an outcome gave; STR_NONE: none did */
};

struct dialect_outcome {
    enum dialect_state state;
    struct str task_id; /* of a submission */
    struct str ref;     /* whatever else asking needs, opaque; of a poll: in the old one's place */
    bool at_once;       /* the answer leads to another request, which need not wait */
    int64_t progress;   /* 0–100; -1 unknown */
    int64_t queue_position; /* -1 unknown */
    struct dialect_media media[DIALECT_MAX_MEDIA];
    size_t media_count;
    struct failure failure; /* its words: never HTML, at most 300 bytes */
};

/* Reading a stream dialect's answer. */
struct dialect_stream;

struct dialect {
    const char *name;
    bool streams;
    /* Every build: E_INVALID when this dialect cannot say it; the code is one of api/messages,
     * and err's text, if there is any, stands behind its sentence: what could be said. */
    enum status (*build_submit)(const struct dialect_target *t, const struct dialect_request *r,
                                struct arena *a, struct dialect_http *ret, struct err *err);
    /* A refusal that is about the form alone, before anything was begun; NULL: never. */
    bool (*wants_other_form)(const struct dialect_answer *in);
    /* 2xx answers.  E_UPSTREAM, code "bad_answer": not what the protocol says. */
    enum status (*read_submit)(const struct dialect_target *t, const struct dialect_answer *in,
                               struct arena *a, struct dialect_outcome *ret, struct err *err);
    enum status (*build_poll)(const struct dialect_target *t, const struct dialect_task *task,
                              struct arena *a, struct dialect_http *ret, struct err *err);
    /* Any answer, as some tell a job's failure by the status; E_UPSTREAM, code "bad_answer":
     * it says nothing about the job. */
    enum status (*read_poll)(const struct dialect_target *t, const struct dialect_task *task,
                             const struct dialect_answer *in, struct arena *a,
                             struct dialect_outcome *ret, struct err *err);
    /* NULL: it has no cancel. */
    enum status (*build_cancel)(const struct dialect_target *t, const struct dialect_task *task,
                                struct arena *a, struct dialect_http *ret, struct err *err);
    /* The light request of AC-5, and what its answer says, whatever the status but 401 and 403:
     * OK when this is that API, with the models it names; E_UPSTREAM, code "not_this_api". */
    enum status (*build_models)(const struct dialect_target *t, struct arena *a,
                                struct dialect_http *ret, struct err *err);
    enum status (*read_models)(const struct dialect_answer *in, struct arena *a,
                               struct str *ret_names, size_t max, size_t *ret_count,
                               struct err *err);
    /* Of answers that are the job.  Feed takes any split; the outcome is current after each feed.
     * finish: the answer ended; DONE or FAILED, or E_UPSTREAM if it was cut short. */
    struct dialect_stream *(*stream_new)(struct arena *a, const struct dialect_target *t,
                                         bool sse /* else one JSON document */);
    enum status (*stream_feed)(struct dialect_stream *s, struct str bytes, struct err *err);
    const struct dialect_outcome *(*stream_outcome)(const struct dialect_stream *s);
    enum status (*stream_finish)(struct dialect_stream *s, struct err *err);
    void (*stream_free)(struct dialect_stream *s);
};

/* NULL when there is none of that name. */
const struct dialect *dialect_find(struct str name);
/* NULL-ended, for the page's and the API's lists. */
const char *const *dialect_names(void);

/* The upstream's own words out of any error body (OpenAI, FastAPI, new-api shapes,
 * strings), cleaned; STR_NONE for HTML and noise, and where they repeat the secret, the
 * account's credential.  *ret_code may be STR_NONE. */
struct str dialect_error_message(const struct dialect_answer *in, struct str secret,
                                 struct arena *a, struct str *ret_code);
/* Is a 404 with these about the model, and not the address? */
bool dialect_lacks_model(struct str code, struct str message);
/* The failure class of an upstream's error code or words. */
enum failure_class dialect_failure_class(struct str code, struct str message);
