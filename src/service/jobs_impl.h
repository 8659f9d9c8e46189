/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* jobs_impl — inside the engine: holds, steps and streams.
 *
 * A *hold* is the one thing about a job that lives in memory: the slot it takes in the
 * pool, and its stream if it has one.  A *step* is one claim in one worker.  Files:
 *   jobs.c           rows, start, the end
 *   jobs_schedule.c  the scheduler: which due rows are claimed
 *   jobs_line.c      places in the pool's line
 *   jobs_keep.c      holds, and the keeper of leases and holds
 *   jobs_step.c      one step: load, check, dispatch by state, save the outcome
 *   jobs_refusal.c   submissions that were refused, or are not known to have arrived
 *   jobs_submit.c    choosing an account and sending the submission
 *   jobs_inputs.c    the images that go with it
 *   jobs_poll.c      asking for the state
 *   jobs_stream.c    submissions whose answer is the job, on the engine's own loop
 *   jobs_store.c     moving the media and completing
 *   jobs_results.c   media that come as bytes, or are asked for as bytes
 *   jobs_cancel.c    what follows a cancellation */
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "model/object.h"
#include "net/upstream.h"
#include "net/workers.h"
#include "pool/pool.h"
#include "service/generations.h"
#include "service/jobs.h"
#include "store/jobs.h"

enum {
    JOBS_LEASE_MS = 30000,
    JOBS_KEEP_MS = 8000, /* leases are prolonged, and idle holds compared with rows */
    JOBS_TICK_MS = 250,  /* the scheduler looks at least this often */
    JOBS_BATCH = 32,
    JOBS_MAX_SWITCHES = 3,
    JOBS_STORE_TRIES = 5,
    JOBS_FULL_ACCOUNTS = 16,
    JOBS_FULL_MS = 1000,  /* an account that other nodes have filled is left alone so long */
    JOBS_TELL_MS = 15000, /* whoever holds a cancelled job tells the upstream; then others do */
    JOBS_RESUBMITS = 5,   /* of one submission, to an account that honours its key */
    JOBS_OTHER_FORMS = 64,
    JOBS_STEP_ARENA = 128 << 20, /* above all for fetched images */
    /* Inputs of 64 MiB and the form around them, or one of 20 MiB thrice over in JSON. */
    JOBS_REQUEST_ARENA = 192 << 20,
};

struct job_stream;

struct hold {
    struct list link;
    int64_t job_id;
    struct pool_slot slot; /* account NULL: none held */
    bool busy;             /* a step or a stream is using it */
    bool dropping;         /* a worker is to look whether its job has ended */
    atomic_bool cancelled; /* its owner has ended the job, or the process ends */
    /* NULL: not known; the row may go before the upstream is told. */
    char *upstream_id, *upstream_ref;
    struct job_stream *stream;
};

struct jobs {
    struct app *app;
    pthread_t scheduler, keeper, stream_thread;
    bool scheduling, keeping, streaming; /* whose threads have begun */
    pthread_mutex_t lock;                /* of all below */
    pthread_cond_t wake;
    bool woken, stopping;
    bool look;                            /* woken because the line may move */
    atomic_bool left_begun, left_waiting; /* due, and waiting for a worker, or for a slot */
    struct full_account {
        int64_t account_id, until; /* mono ms */
    } full[JOBS_FULL_ACCOUNTS];
    int64_t other_forms[JOBS_OTHER_FORMS]; /* accounts that have refused the usual one */
    size_t other_form_count;
    struct list places; /* in the pool's line, for jobs that wait for a slot */
    size_t place_count;
    struct list holds;
    struct list steps; /* whose claims are in memory: queued, running, streaming */
    atomic_bool cut;   /* the process ends: nothing is begun, what runs stops */
    /* Streams live on a loop of the engine's own. */
    struct loop *loop;
    struct upstream_client *upstream;
    struct list stream_list;  /* the loop's */
    atomic_int streams;       /* not freed yet */
    struct job_stream *large; /* the loop's: the one whose answer may be large; NULL: none */
    struct task large_ended;
};

struct step {
    struct work work;
    struct list link; /* in jobs.steps, from its submission on */
    struct jobs *jobs;
    struct worker *w;
    struct app *app;
    struct job_claim claim;
    struct arena *arena;
    struct job job;
    struct hold *hold;
    struct job_stream *stream; /* of a stream's own step */
    bool other_form;           /* the submission is said in the dialect's other form */
    bool resubmission;         /* the same words have been sent before */
    int64_t hop;               /* GW-14: of the request, as step_read_request() found it */
    struct job_input images[DIALECT_MAX_IMAGES], mask; /* likewise */
    size_t image_count;
    struct arena *request; /* the submission's words and images; NULL: not built, or sent */
    int64_t charged;       /* bytes of images in it */
    struct object results[DIALECT_MAX_MEDIA]; /* bytes that wait for the outcome; id 0: none */
    struct err err;
};

/* holds and steps in memory (jobs_keep.c). */
/* The job's hold, made if there is none; marked busy.  NULL: somebody is busy with it. */
struct hold *hold_take(struct jobs *j, int64_t job_id);
/* A step has it: what it has committed is seen already, and it has not returned. */
bool hold_is_busy(struct jobs *j, int64_t job_id);
/* A worker is to drop it; false: there is none, or one has been asked already. */
bool hold_drops(struct jobs *j, int64_t job_id);
/* That worker has begun, or could not be asked. */
void hold_dropped(struct jobs *j, int64_t job_id);
/* Not busy any more; freed when nothing is held. */
void hold_put(struct jobs *j, struct hold *h);
/* Gives the slot back with its outcome; does nothing without one. */
void hold_release_slot(struct jobs *j, struct hold *h, enum pool_outcome outcome,
                       int64_t retry_after_ms);
/* What the call meant for the account, at once: the slot itself is given back when the row
 * says that it is free, so that who takes it finds its place among the rows. */
void hold_note(struct jobs *j, struct hold *h, enum pool_outcome outcome, int64_t retry_after_ms);
/* A step's lease is kept from here on, until step_free(). */
void step_keep(struct step *s);
/* The thread that keeps leases, and gives back what ended jobs still hold. */
void *keeper_main(void *jobs);
/* One claim's step, handed to a worker; false when the queue is full. */
bool jobs_submit_step(struct jobs *j, const struct job_claim *claim);
/* Whose work a state is. */
struct workers *jobs_workers_for(const struct app *app, enum job_state state);
/* The thread that claims (jobs_schedule.c). */
void *scheduler_main(void *jobs);
/* Other nodes' jobs have taken the account's last place. */
void jobs_account_full(struct jobs *j, int64_t account_id);
/* A slot or a worker has become free: whoever waits for one is looked at. */
void jobs_freed(struct jobs *j, bool for_waiting);

/* Places in the pool's line (jobs_line.c); all but the last are the scheduler's. */
/* One for the job's user and want, if there is none: all that serve it are full. */
void places_join(struct jobs *j, const struct job_due *due);
/* A slot that was handed to a place of the same want before this look. */
bool places_take(struct jobs *j, const struct job_due *due, struct pool_slot *ret);
/* Around a look at the line: what was there before it and has not been taken is given back. */
void places_look(struct jobs *j);
void places_give_back(struct jobs *j);
/* After the end of the loop's thread and before the loop's own, which has tasks of theirs still. */
void places_free(struct jobs *j);

/* Outcomes (jobs_step.c).  Each writes one transaction under the fence and notes the
 * change; E_CONFLICT lease_lost means that the job is no longer this step's. */
/* Moves to j->job.state as it stands in s->job, from `from`. */
enum status step_save(struct step *s, enum job_state from, bool keep_lease);
enum status step_again_in(struct step *s, int64_t delay_ms);
enum status step_fail(struct step *s, const struct failure *failure);
/* What the code says, without words of the upstream's. */
enum status step_fail_as(struct step *s, enum failure_class class, const char *code);
enum status step_note(struct step *s, struct db_conn *tx);
/* The upstream has ended the task, well or badly; the account did what it should either way. */
enum status step_finished(struct step *s, enum job_state from,
                          const struct dialect_outcome *outcome);
/* Has the slot at the job's own account, if need be taken anew, as after a restart: whatever the
 * account's marks and limit say, for the work is there already.  False: the account is not known
 * here, or cannot be used. */
bool step_retake_slot(struct step *s);
/* The slot's account as it is now, with a token that has not ended (AC-3); false: it has none.
 * Both may wait for the token endpoint; pointers into the slot end. */
bool step_token(struct step *s);
/* A 401 came: whether there is another token now, so that the same may be asked again. */
bool step_renew_token(struct step *s);
/* Logs what a step could not do; its claim ends with its lease. */
void step_report(struct step *s, enum status status);
/* Gives the slot back if the outcome was kept; returns its status. */
enum status step_gives_back(struct step *s, enum status kept);
/* The process ends, and what was running has been stopped: the row stays as it stands. */
bool step_is_cut(const struct step *s);
/* Gives back what the job does not need any more, and the hold. */
void step_done(struct step *s);
void step_free(struct step *s);

/* What a submission met with (jobs_refusal.c). */
/* A received refusal, or a failure before any byte left: another account, or the end. */
struct refusal {
    int status;   /* 0: nothing was received */
    bool starved; /* nor sent: this machine had no connection left */
    bool model_missing;
    struct str message, code; /* the upstream's */
    struct str reason;        /* a code of api/messages; STR_NONE: what the status means */
    int64_t retry_after_ms;
};
/* What an answer other than 2xx says; nothing that repeats the account's key. */
struct refusal step_read_refusal(struct step *s, const struct dialect_answer *in,
                                 int64_t retry_after_ms);
enum status step_refused(struct step *s, enum job_state from, const struct refusal *r);
/* The account's dialect cannot say it (s->err tells why); another's may. */
enum status step_not_said(struct step *s, enum job_state from);
/* Sent, and nobody knows what became of it; outcome: what that means for the account. It is
 * sent again where the account honours the Idempotency-Key. */
enum status step_unknown(struct step *s, enum job_state from, enum pool_outcome outcome);
/* Found in submitting or streaming: whoever sent it is dead, and so is its connection. */
enum status step_orphan(struct step *s);

/* What a submission says beside its dialect's words: its key, and how far the request has come. */
enum { STEP_OWN_HEADERS = 2 };
size_t step_own_headers(struct step *s, struct http_header *ret);
/* Whom an account's own address may lead to (AC-7). */
struct guard step_guard(struct step *s);
/* The account's guard and limits on a fetch, with room for STEP_OWN_HEADERS (jobs_submit.c). */
struct fetch_request;
void step_fetch_from(struct step *s, const struct pool_account *account,
                     const struct dialect_http *http, struct fetch_request *ret);
/* The same for a step's own account, until the job is cancelled. */
void step_fetch_request(struct step *s, const struct dialect_http *http, struct fetch_request *ret);
/* What is wanted, out of the row (jobs_submit.c); image bytes are read when asked for. */
enum status step_read_request(struct step *s, struct dialect_request *ret);
/* The images of a row's request, into the step; and those into the step's `request`.
 * E_UNAVAILABLE: there is no room for their bytes now; E_NOT_FOUND: one is lost. */
struct json;
void step_read_inputs(struct step *s, struct json request);
enum status step_load_inputs(struct step *s, struct dialect_request *ret);
/* It has been sent, or never will be. */
void step_free_request(struct step *s);
/* Which accounts may take it; what has been tried is left out. */
void jobs_want(const struct job_due *due, struct pool_want *ret);
/* The step's job as one that waits. */
struct job_due step_due(const struct step *s);

/* What came as bytes becomes free objects, `writing` until step_settle_results() in the
 * transaction of the outcome, which has locked the owner.  E_UPSTREAM bad_media;
 * E_UNAVAILABLE, E_NO_SPACE: there is no room. */
enum status step_keep_results(struct step *s, const struct dialect_outcome *outcome,
                              struct job_media *media);
bool step_has_results(const struct step *s);
enum status step_settle_results(struct step *s, struct db_conn *tx);
/* Whether the job has to fetch what its upstream made. */
bool step_must_fetch(const struct step *s, const struct job_media *media, size_t n);
/* JOB_STORING of a direct call's images, whose bytes are asked for. */
enum status step_fetching(struct step *s);

enum status step_queued(struct step *s);
/* The same words to the same account, which honours the Idempotency-Key. */
enum status step_resubmit(struct step *s);
enum status step_polling(struct step *s);
/* Asks once how the task stands, and changes nothing: its links may be fresh ones. */
enum status step_look(struct step *s, struct dialect_outcome *ret);
enum status step_storing(struct step *s);
/* The links have died; some upstreams give fresh ones to whoever looks at the task again.  Stays
 * in storing with them, or ends as link_gone. */
enum status step_renew_links(struct step *s);
/* Starts the stream; the hold is the stream's from here on (jobs_stream.c). */
void streams_init(struct jobs *j);
enum status stream_start(struct step *s, const struct dialect_http *http);
/* Under the engine's lock: the stream looks at hold->cancelled. */
void stream_wake(struct job_stream *st);
void streams_cut(struct jobs *j);
/* Whoever cancelled, and whoever else hears of it: gives back what is held (jobs_cancel.c). */
void jobs_after_cancel(struct jobs *j, int64_t job_id);
/* The job's idle hold, if its row has ended or gone; false when the queue is full. */
bool jobs_drop_hold(struct jobs *j, int64_t job_id);
/* Tells the upstream that the job's task is wanted no more, from a worker; a row keeps it in
 * mind until that has been done. */
void upstream_forget(struct step *s);
/* Tells upstreams what nobody else has told them: hands it to workers (jobs_cancel.c). */
void jobs_tell_due(struct jobs *j, struct db_conn *db);
