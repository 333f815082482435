/* The outer process: cgroups first, then the user namespace, then the clone into all the others.
 *
 *     launcher sandbox root|user BIRTH_FD HOST_UID DISK_IMAGE|- CGROUP2_DIRECTORY|- [CGROUP_PROCS_FILE...]
 *
 * The clone becomes a child of the spawner (CLONE_PARENT) and waits as a blank: it costs nothing but memory, and what
 * is slow (the first attach to a cgroup waits for an RCU grace period, up to 20 ms) has happened before it is needed.
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
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { FUNCTION_UID = 993, FUNCTION_GID = 990 }; /* sbx_user1051 of Lambda */

static void write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) fail("open %s", path);
    if (write(file, text, strlen(text)) < 0) fail("write %s", path);
    close(file);
}

static void forbid_nested_namespaces(void) {
    /* Second line of defence behind seccomp: inside this user namespace no further namespace of any kind. */
    static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i]);
        int file = open(path, O_WRONLY | O_CLOEXEC);
        if (file < 0) continue;
        if (write(file, "0", 1) < 0) fail("write %s", path);
        close(file);
    }
}

static void map_host_ids(pid_t child, const struct birth *birth, unsigned uid, unsigned gid) {
    char path[64], text[96];
    snprintf(path, sizeof(path), "/proc/%d/uid_map", child);
    snprintf(text, sizeof(text), "0 %u 1\n%u %u 1\n", birth->host_uid, uid, birth->host_uid + 1);
    /* JUSTIFICATION: mapping ids that are not one's own needs CAP_SETUID in the parent namespace.
     * SAFETY: the two host ids come from the spawner's reserved range, never 0 or a user's. */
    write_file(path, text);
    snprintf(path, sizeof(path), "/proc/%d/gid_map", child);
    snprintf(text, sizeof(text), "0 %u 1\n%u %u 1\n", birth->host_gid, gid, birth->host_gid + 1);
    write_file(path, text);
}

static pid_t clone_with(uint64_t flags, int exit_signal, int cgroup_fd) {
    struct clone_args arguments = {.flags = flags, .exit_signal = (unsigned)exit_signal};
    if (cgroup_fd >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (unsigned)cgroup_fd;
    }
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

int make_user_namespace(const struct birth *birth, unsigned uid, unsigned gid) {
    int mapped[2], done[2];
    char byte = 0;
    if (pipe2(mapped, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0) fail("pipe");
    pid_t outer = getpid(), child = clone_with(CLONE_NEWUSER, SIGCHLD, -1);
    if (child < 0) fail("new user namespace");
    if (child == 0) {
        /* The outer process may die at any moment with the spawner, and then nobody else would end this one. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != outer) _exit(1);
        close(mapped[1]);
        if (read(mapped[0], &byte, 1) != 1) _exit(1);
        forbid_nested_namespaces();
        if (write(done[1], &byte, 1) < 0) _exit(1);
        pause(); /* the outer process ends it */
        _exit(0);
    }
    close(done[1]);
    map_host_ids(child, birth, uid, gid);
    if (write(mapped[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) fail("user namespace");
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/user", child);
    int users = open(path, O_RDONLY | O_CLOEXEC);
    if (users < 0) fail("open %s", path);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(mapped[0]), close(mapped[1]), close(done[0]);
    return users;
}

void map_own_ids(unsigned outer_uid, unsigned outer_gid, unsigned uid, unsigned gid) {
    char text[64];
    write_file("/proc/self/setgroups", "deny");
    snprintf(text, sizeof(text), "%u %u 1\n", uid, outer_uid);
    write_file("/proc/self/uid_map", text);
    snprintf(text, sizeof(text), "%u %u 1\n", gid, outer_gid);
    write_file("/proc/self/gid_map", text);
}

static void close_others(const int *kept, int count) {
    /* `kept` is in rising order. */
    unsigned first = 0;
    for (int i = 0; i < count; i++) {
        if (kept[i] < 0) continue;
        if ((unsigned)kept[i] > first) syscall(SYS_close_range, first, (unsigned)kept[i] - 1, 0);
        first = (unsigned)kept[i] + 1;
    }
    syscall(SYS_close_range, first, ~0U, 0);
}

static noreturn void live_inside(struct birth *birth) {
    /* Dies with the spawner; set again after every change of credentials, which clears it. Should the spawner be gone
     * already, its end of the birth socket is closed, and nobody adopts this process. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("PR_SET_PDEATHSIG");
    if (!birth->is_root) map_own_ids(birth->host_uid, birth->host_gid, FUNCTION_UID, FUNCTION_GID);
    int listener = open_runtime_api();
    struct prepared prepared;
    prepare_mounts(birth, &prepared);
    report(-1, "blank", "%s", "");

    struct fields fields;
    int passed[2]; /* the server's control socket and the output pipe */
    if (!receive(control_fd, &fields, passed, 2)) _exit(0); /* never adopted: the spawner is gone */
    close(control_fd);
    control_fd = passed[0];
    if (control_fd < 0 || passed[1] < 0) _exit(1);
    if (!receive(control_fd, &fields, NULL, 0)) _exit(0);
    static struct plan plan = {.uid = FUNCTION_UID, .gid = FUNCTION_GID};
    static char text[MESSAGE_BYTES]; /* the plan's strings outlive the message */
    size_t length = (size_t)(fields.end - fields.next);
    memcpy(text, fields.next, length);
    fields.next = text, fields.end = text + length;
    if (strcmp(need_field(&fields), "build") != 0) fail("the first message must be a plan");
    read_plan(&fields, &plan);
    if (sethostname(plan.hostname, strlen(plan.hostname)) < 0) fail("sethostname");
    /* So that the function may open /dev/stdout, which is this pipe, again. */
    unsigned owner = birth->is_root ? birth->host_uid + 1 : FUNCTION_UID;
    unsigned group = birth->is_root ? birth->host_gid + 1 : FUNCTION_GID;
    if (fchown(passed[1], owner, group) < 0) fail("owner of the output pipe");

    const char *tmp = build_root(&plan, birth, &prepared);
    enter_user_namespace(birth, &plan);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("PR_SET_PDEATHSIG");
    drop_bounding_set();
    keep_init_capabilities(birth->is_root);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("PR_SET_NO_NEW_PRIVS");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) fail("PR_SET_DUMPABLE");
    install_seccomp();
    report(listener, "ready", "%s", tmp);
    close(listener);
    run_init(&plan, passed[1]);
}

static void attach_to_cgroups(char **files) {
    /* JUSTIFICATION: limits must hold before the first byte of foreign code. SAFETY: only this process moves, into
     * directories that the spawner made for this sandbox. */
    for (; *files != NULL; files++) write_file(*files, "0");
}

static int open_cgroup2(const char *directory) {
    if (strcmp(directory, "-") == 0) return -1;
    int cgroup = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroup < 0) fail("open %s", directory);
    return cgroup;
}

static void clone_inner(struct birth *birth, int cgroup) {
    uint64_t flags = CLONE_PARENT | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                     CLONE_NEWCGROUP | (birth->is_root ? 0 : CLONE_NEWUSER);
    /* JUSTIFICATION: the sandbox itself. SAFETY: in root mode the namespaces belong to the initial user namespace, in
     * which the function will have no id and no capability. CLONE_PARENT makes the spawner reap it. */
    pid_t inner = clone_with(flags, 0, cgroup);
    if (inner < 0) fail("clone into new namespaces");
    if (inner > 0) {
        report(-1, "born", "%d", inner);
        _exit(0);
    }
    int kept[] = {control_fd, birth->users_fd};
    if (birth->users_fd >= 0 && birth->users_fd < control_fd) kept[0] = birth->users_fd, kept[1] = control_fd;
    close_others(kept, 2);
    /* So that no later descriptor takes the place of a standard stream. */
    for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd < 2; fd = open("/dev/null", O_RDWR)) continue;
    live_inside(birth);
}

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "probe") == 0) return run_probe();
    if (count < 7 || strcmp(arguments[1], "sandbox") != 0) {
        static const char usage[] = "usage: launcher sandbox root|user BIRTH_FD HOST_ID DISK|- CGROUP2|- [PROCS...]\n";
        return write(2, usage, sizeof(usage) - 1) < 0 ? 1 : 2;
    }
    struct birth birth = {.is_root = strcmp(arguments[2], "root") == 0, .users_fd = -1};
    control_fd = atoi(arguments[3]);
    birth.host_uid = birth.is_root ? (unsigned)strtoul(arguments[4], NULL, 10) : getuid();
    birth.host_gid = birth.is_root ? birth.host_uid : getgid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (birth.is_root && strcmp(arguments[5], "-") != 0) birth.disk = arguments[5];
    attach_to_cgroups(arguments + 7);
    int cgroup = open_cgroup2(arguments[6]);
    if (birth.is_root) birth.users_fd = make_user_namespace(&birth, FUNCTION_UID, FUNCTION_GID);
    clone_inner(&birth, cgroup);
    return 0;
}
