/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static void *or_die(void *p)
{
    if (!p) {
        fputs("kinora: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *mem_zalloc(size_t size)
{
    return or_die(calloc(1, size ? size : 1));
}

void *mem_calloc(size_t count, size_t size)
{
    return or_die(calloc(count ? count : 1, size ? size : 1));
}

void *mem_realloc(void *p, size_t size)
{
    return or_die(realloc(p, size ? size : 1));
}

char *mem_strdup(const char *z)
{
    return or_die(strdup(z));
}

char *mem_strndup(const char *p, size_t n)
{
    char *copy = or_die(malloc(n + 1));
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

void mem_return_large(void)
{
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
}

void mem_wipe(void *p, size_t size)
{
    if (size)
        explicit_bzero(p, size);
}
