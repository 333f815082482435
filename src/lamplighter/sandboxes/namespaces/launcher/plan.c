/* The server's "build" message turned into a struct plan. Every bound is checked; nothing is looked up here. */
#include "launcher.h"

#include <errno.h>
#include <string.h>

static void read_bind(struct fields *fields, struct plan *plan, bool is_shared) {
    if (plan->bind_count == MAX_BINDS) {
        errno = E2BIG;
        fail("more than %d binds", MAX_BINDS);
    }
    struct bind *bind = &plan->binds[plan->bind_count++];
    bind->writable = strcmp(need_field(fields), "rw") == 0;
    bind->is_shared = is_shared;
    if (is_shared) bind->uid = need_number(fields), bind->gid = need_number(fields);
    bind->source = need_field(fields);
    bind->target = need_field(fields);
}

static void read_layer(struct fields *fields, struct plan *plan) {
    if (plan->layer_count == MAX_LAYERS) {
        errno = E2BIG;
        fail("more than %d layers", MAX_LAYERS);
    }
    plan->layers[plan->layer_count++] = need_field(fields);
}

void read_plan(struct fields *fields, struct plan *plan) {
    for (char *name = next_field(fields); name != NULL; name = next_field(fields)) {
        if (strcmp(name, "hostname") == 0)
            plan->hostname = need_field(fields);
        else if (strcmp(name, "root") == 0)
            plan->root = need_field(fields);
        else if (strcmp(name, "stubs") == 0)
            plan->stubs = need_field(fields);
        else if (strcmp(name, "disk") == 0)
            plan->disk = need_field(fields);
        else if (strcmp(name, "cwd") == 0)
            plan->cwd = need_field(fields);
        else if (strcmp(name, "bind") == 0)
            read_bind(fields, plan, false);
        else if (strcmp(name, "share") == 0)
            read_bind(fields, plan, true);
        else if (strcmp(name, "layer") == 0)
            read_layer(fields, plan);
        else if (strcmp(name, "network") == 0)
            plan->device = need_field(fields), plan->address = need_field(fields), plan->router = need_field(fields);
        else if (strcmp(name, "tmp") == 0)
            plan->tmp_bytes = need_number(fields);
        else if (strcmp(name, "processes") == 0)
            plan->processes = need_number(fields);
        else if (strcmp(name, "files") == 0)
            plan->open_files = need_number(fields);
        else if (strcmp(name, "data") == 0)
            plan->data_bytes = need_number(fields);
        else {
            errno = EPROTO;
            fail("unknown field: %s", name);
        }
    }
    if (plan->hostname == NULL || plan->root == NULL || plan->cwd == NULL) {
        errno = EPROTO;
        fail("the plan lacks hostname, root or cwd");
    }
}
