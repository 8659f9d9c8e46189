/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* user — `kinora user add EMAIL` and `kinora user passwd EMAIL`: people, when nobody can
 * sign in yet or any more.  argv[0] is "user"; returns the status to end with. */
int cli_user(int argc, char **argv);
