/* The nursery and the outer process of each sandbox.
 *
 *     launcher nursery ORDERS_FD
 *
 * The nursery stands ready for the spawner: for each order (root|user HOST_ID DISK_IMAGE|- CGROUP2_DIRECTORY|-
 * [CGROUP_PROCS_FILE...], with the birth socket passed along) it clones an outer process, which saves starting a
 * program each time. The outer process attaches itself to the cgroups and clones the inner one into all the namespaces;
 * both become children of the spawner (CLONE_PARENT). What is slow (the first attach to a cgroup waits for an RCU grace
 * period, up to 20 ms) has happened when the inner one waits as a blank.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OOM_SCORE = 500 };

static pid_t clone_with(uint64_t flags, int cgroup_fd) {
    struct clone_args arguments = {.flags = flags};
    if (cgroup_fd >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (unsigned)cgroup_fd;
    }
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static void attach_to_cgroups(struct fields *files) {
    /* JUSTIFICATION: limits must hold before the first byte of foreign code. SAFETY: only this process moves, into
     * directories that the spawner made for this sandbox. */
    for (char *file = next_field(files); file != NULL; file = next_field(files)) write_file(file, "0");
}

static int open_cgroup2(const char *directory) {
    if (strcmp(directory, "-") == 0) return -1;
    int cgroup = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroup < 0) fail("open %s", directory);
    return cgroup;
}

static void clone_inner(struct birth *birth, int cgroup) {
    uint64_t flags = CLONE_PARENT | CLONE_NEWNS | (defended("pid") ? CLONE_NEWPID : 0) |
                     (defended("net") ? CLONE_NEWNET : 0) | (defended("ipc") ? CLONE_NEWIPC : 0) |
                     (defended("uts") ? CLONE_NEWUTS : 0) | (defended("cgroup") ? CLONE_NEWCGROUP : 0) |
                     (birth->is_root ? 0 : CLONE_NEWUSER);
    /* JUSTIFICATION: the sandbox itself. SAFETY: in root mode the namespaces belong to the initial user namespace, in
     * which the function will have no id and no capability. CLONE_PARENT makes the spawner reap it. */
    pid_t inner = clone_with(flags, cgroup);
    if (inner < 0) fail("clone into new namespaces");
    if (inner == 0) live_inside(birth);
    report(-1, "born", "%d", inner);
}

static void offer_to_oom_killer(void) {
    /* A server that is guarded against the OOM killer must not hand that on: on a machine out of memory functions go
     * first. A higher score is left alone, because to lower it would need a capability. */
    char text[16] = "";
    int file = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (file >= 0 && read(file, text, sizeof(text) - 1) > 0 && atoi(text) < OOM_SCORE &&
        dprintf(file, "%d", OOM_SCORE) < 0)
        fail("OOM score");
    if (file >= 0) close(file);
}

static noreturn void live_outside(struct fields *order) {
    static char disk[4096]; /* outlives the order, whose buffer later messages use */
    struct birth birth = {.outer = getpid(), .users_fd = -1, .unshared = {-1, -1}, .mapped = {-1, -1}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    report(-1, "outer", "%d", birth.outer);
    birth.is_root = strcmp(need_field(order), "root") == 0;
    offer_to_oom_killer();
    long host_id = need_number(order);
    birth.host_uid = birth.is_root ? (unsigned)host_id : getuid();
    birth.host_gid = birth.is_root ? (unsigned)host_id : getgid();
    const char *image = need_field(order);
    if (birth.is_root && strcmp(image, "-") != 0 && strlen(image) < sizeof(disk)) birth.disk = strcpy(disk, image);
    int cgroup = open_cgroup2(need_field(order));
    attach_to_cgroups(order);
    if (birth.is_root && (pipe2(birth.unshared, O_CLOEXEC) < 0 || pipe2(birth.mapped, O_CLOEXEC) < 0)) fail("pipe");
    clone_inner(&birth, cgroup);
    if (birth.is_root) become_user_namespace(&birth);
    _exit(0);
}

static noreturn void run_nursery(int orders) {
    struct fields order;
    int birth_socket;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    control_fd = -1;
    plant_leak();
    while (receive(orders, &order, &birth_socket, 1)) {
        pid_t outer = clone_with(CLONE_PARENT, -1);
        if (outer == 0) {
            close(orders);
            control_fd = birth_socket;
            live_outside(&order);
        }
        close(birth_socket); /* if there is no outer process, the spawner sees the end of it */
    }
    _exit(0);
}

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "probe") == 0) return run_probe();
    if (count == 3 && strcmp(arguments[1], "nursery") == 0) run_nursery(atoi(arguments[2]));
    static const char usage[] = "usage: launcher nursery ORDERS_FD | launcher probe\n";
    return write(2, usage, sizeof(usage) - 1) < 0 ? 1 : 2;
}
