/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* duration — times as a histogram whose buckets grow by a fourth root of two, so that a
 * quantile read from it is at most a fifth off, however long the times are.
 *
 * Octaves begin at 10 s, 20 s, 40 s and so on both ways; bucket 0 is below 312.5 ms · 2^(1/4),
 * the last one has no end (5 h and more). */
#include <stdint.h>

enum { DURATION_BUCKETS = 64, DURATION_OCTAVE = 4 };

struct durations {
    int64_t counts[DURATION_BUCKETS];
};

int duration_bucket(int64_t ms);
/* Where a bucket begins, in ms; of DURATION_BUCKETS: where the last one is taken to end. */
int64_t duration_bucket_begin(int bucket);
/* The time within which `per_mille` of all are, in ms, interpolated; 0 when there are none. */
int64_t duration_quantile(const struct durations *d, int per_mille);
