#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""super_server.py PROGRAM serve --listen HOST:PORT …: listens, and leaves the socket to the
program, as an init system's socket activation does (sd_listen_fds(3)). SIGHUP ends the
program and starts it again on the same socket; SIGTERM ends both, and a program that ends by
itself ends this one."""
import os
import signal
import socket
import subprocess
import sys

FIRST_FD = 3
words = sys.argv[1:]
host, port = words[words.index("--listen") + 1].rsplit(":", 1)
listener = socket.create_server((host, int(port)), backlog=4096)


def leave_socket():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    os.dup2(listener.fileno(), FIRST_FD)
    os.set_inheritable(FIRST_FD, True)


def start():
    # By way of a shell: the child's process id is known only to itself.
    return subprocess.Popen(["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"', *words],
                            preexec_fn=leave_socket, close_fds=False)


signals = {signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
code = 0
while True:
    program = start()
    caught = signal.sigwait(signals)
    program.send_signal(signal.SIGTERM)
    code = program.wait()
    if caught != signal.SIGHUP or code != 0:
        sys.exit(code)
    signal.sigtimedwait({signal.SIGCHLD}, 0)  # the one of this end
