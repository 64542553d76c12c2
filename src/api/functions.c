/* api/functions.c - every native function of this node by its name; nothing else. */
#include "api/call.h"

#include <string.h>

static const struct api_table *const tables[] = {&api_manager_functions, &api_log_functions,
                                                 &api_stats_functions, &api_cluster_functions,
                                                 &api_agent_functions};

const struct api_function *api_function_find(const char *name) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (size_t k = 0; k < tables[i]->count; k++)
            if (strcmp(tables[i]->functions[k].name, name) == 0)
                return &tables[i]->functions[k];
    return NULL;
}
