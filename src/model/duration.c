/* SPDX-License-Identifier: Apache-2.0 */
#include "model/duration.h"

enum { FIRST = 3125, PER_MS = 10 };

int64_t duration_bucket_begin(int bucket)
{
    static const int64_t roots[DURATION_OCTAVE] = {10000, 11892, 14142, 16818};
    if (bucket <= 0)
        return 0;
    return ((int64_t)FIRST << (bucket / DURATION_OCTAVE)) * roots[bucket % DURATION_OCTAVE] /
           (PER_MS * roots[0]);
}

int duration_bucket(int64_t ms)
{
    int bucket = DURATION_BUCKETS - 1;
    while (bucket > 0 && ms < duration_bucket_begin(bucket))
        bucket--;
    return bucket;
}

int64_t duration_quantile(const struct durations *d, int per_mille)
{
    int64_t all = 0, before = 0;
    int bucket = 0;
    for (int i = 0; i < DURATION_BUCKETS; i++)
        all += d->counts[i];
    if (all == 0)
        return 0;
    int64_t rank = (all * per_mille + 999) / 1000;
    while (before + d->counts[bucket] < rank)
        before += d->counts[bucket++];
    int64_t begin = duration_bucket_begin(bucket), end = duration_bucket_begin(bucket + 1);
    return begin + (end - begin) * (rank - before) / (d->counts[bucket] ? d->counts[bucket] : 1);
}
