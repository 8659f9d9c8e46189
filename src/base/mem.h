/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* mem — heap allocation that cannot fail, and clean-up attributes.
 *
 * Small fixed-size structs come from here and end the program when the machine
 * has no memory left; anything whose size another party chooses goes into a
 * capped arena or buffer instead, which report E_NO_MEMORY. */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *z) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *p, size_t n) __attribute__((malloc, returns_nonnull));
/* Blocks from 64 KiB on are mapped each for itself from here on, and so go back to the system the
 * moment they are freed: the heap of a server keeps the shape of its worst hour otherwise.  Before
 * the first thread. */
void mem_return_large(void);
/* Overwrites before the memory is given back; the compiler may not drop it. */
void mem_wipe(void *p, size_t size);

static inline void mem_freep(void *p)
{
    free(*(void **)p);
}

static inline void mem_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_(f)    __attribute__((cleanup(f)))
#define _cleanup_free_  _cleanup_(mem_freep)
#define _cleanup_close_ _cleanup_(mem_closep)

/* Declares NAME_freep(struct TYPE **) for _cleanup_. */
#define DEFINE_CLEANUP(type, free_function)                                                        \
    static inline void free_function##p(type **p)                                                  \
    {                                                                                              \
        free_function(*p);                                                                         \
    }

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
