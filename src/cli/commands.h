/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* commands — each takes main's arguments from its own name on and returns the status to
 * end with: 0 done, 1 failed, 2 used wrongly (or a folder, address or database that cannot
 * be used). */
int cli_serve(int argc, char **argv);
int cli_user(int argc, char **argv);
int cli_migrate(int argc, char **argv);
/* 0 nothing is wrong, 1 something is or was, 2 it could not look at everything. */
int cli_doctor(int argc, char **argv);
int cli_backup(int argc, char **argv);
int cli_restore(int argc, char **argv);
/* Every address the server answers, one "METHOD PATTERN ACCESS" a line. */
int cli_routes(int argc, char **argv);
