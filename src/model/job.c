/* SPDX-License-Identifier: Apache-2.0 */
#include "model/job.h"

#include "model/words.h"

static const char *const states[] = {"queued",  "submitting", "streaming", "polling",
                                     "storing", "ended",      NULL};
static const char *const kinds[] = {"studio", "chat", "video", "image", NULL};
static const char *const failures[] = {"",      "upstream", "content_policy",     "timeout",
                                       "quota", "account",  "submission_unknown", "internal",
                                       NULL};
static const char *const media[] = {"video", "image", NULL};

/* A move to the same state is a step's own progress. */
#define BIT(s) (1u << (s))
static const unsigned allowed[] = {
    [JOB_QUEUED] = BIT(JOB_QUEUED) | BIT(JOB_SUBMITTING) | BIT(JOB_STREAMING) | BIT(JOB_ENDED),
    [JOB_SUBMITTING] = BIT(JOB_QUEUED) | BIT(JOB_SUBMITTING) | BIT(JOB_POLLING) | BIT(JOB_STORING) |
                       BIT(JOB_ENDED),
    [JOB_STREAMING] = BIT(JOB_QUEUED) | BIT(JOB_STREAMING) | BIT(JOB_STORING) | BIT(JOB_ENDED),
    [JOB_POLLING] = BIT(JOB_POLLING) | BIT(JOB_STORING) | BIT(JOB_ENDED),
    [JOB_STORING] = BIT(JOB_STORING) | BIT(JOB_ENDED),
    [JOB_ENDED] = 0,
};

bool job_may_move(enum job_state from, enum job_state to)
{
    return allowed[from] & BIT(to);
}

const char *job_state_name(enum job_state s)
{
    return states[s];
}

bool job_state_parse(struct str s, enum job_state *ret)
{
    int i = word_index(states, s);
    if (i >= 0)
        *ret = (enum job_state)i;
    return i >= 0;
}

const char *job_kind_name(enum job_kind k)
{
    return kinds[k];
}

bool job_kind_parse(struct str s, enum job_kind *ret)
{
    int i = word_index(kinds, s);
    if (i >= 0)
        *ret = (enum job_kind)i;
    return i >= 0;
}

const char *failure_class_code(enum failure_class c)
{
    static const char *const codes[] = {
        [FAILURE_NONE] = "",
        [FAILURE_UPSTREAM] = "upstream_error",
        [FAILURE_CONTENT_POLICY] = "content_policy",
        [FAILURE_TIMEOUT] = "timeout",
        [FAILURE_QUOTA] = "quota_exceeded",
        [FAILURE_ACCOUNT] = "account_refused",
        [FAILURE_SUBMISSION_UNKNOWN] = "submission_unknown",
        [FAILURE_INTERNAL] = "internal_error",
    };
    return codes[c];
}

const char *failure_class_name(enum failure_class c)
{
    return failures[c];
}

bool failure_class_parse(struct str s, enum failure_class *ret)
{
    int i = word_index(failures, s);
    if (i >= 0)
        *ret = (enum failure_class)i;
    return i >= 0;
}

const char *media_type_name(enum media_type t)
{
    return media[t];
}

bool media_type_parse(struct str s, enum media_type *ret)
{
    int i = word_index(media, s);
    if (i >= 0)
        *ret = (enum media_type)i;
    return i >= 0;
}
