/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* watches — a kernel that has no room for another watched descriptor while no_watches is
 * set: stands before the C library's call. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int no_watches;

int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && no_watches) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll_fd, op, fd, event);
}
