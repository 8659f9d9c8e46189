/* SPDX-License-Identifier: Apache-2.0 */
/* Links presigned in a second by one core, as a list of works makes them; prints the number. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "media/sigv4.h"

enum { LINKS = 100000 };

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int main(void)
{
    const struct sigv4_key key = {STR("AKIAIOSFODNN7EXAMPLE"),
                                  STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                  STR("us-east-1")};
    const struct sigv4_request r = {
        .method = STR("GET"),
        .host = STR("127.0.0.1:9000"),
        .path = STR("/kinora/sora/7/2026/11/22/6f6c2b1e-9c0b-4b53-9d0e-0a6c8f4a1d2e.mp4")};
    struct arena *a = arena_new(1 << 20);
    int64_t began = cpu_ns();
    for (int i = 0; i < LINKS; i++) {
        /* Another second each, as time goes on: nothing of the last one may be kept. */
        if (!sigv4_presign(&key, &r, INT64_C(1795363262000) + i * 1000, 86400, a).p)
            return 1;
        arena_reset(a);
    }
    printf("%" PRId64 "\n", LINKS * INT64_C(1000000000) / (cpu_ns() - began));
    arena_free(a);
    return 0;
}
