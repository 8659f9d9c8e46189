/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/options.h"

int cli_routes(int argc, char **argv)
{
    const struct command command = {"kinora routes", NULL, 0, 0, 0};
    int status = options_parse(&command, argc, argv, NULL);
    if (status)
        return status < 0 ? 0 : status;

    size_t n;
    const struct route *routes = routes_table(&n);
    for (size_t i = 0; i < n; i++) {
        const struct target *target = routes[i].target;
        printf("%s %s %s\n", http_method_name(routes[i].method), routes[i].pattern,
               access_name(target->endpoint.access));
    }
    return 0;
}
