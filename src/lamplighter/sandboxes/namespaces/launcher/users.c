/* User namespaces and the ids mapped into them.
 *
 * Root mode: the outer process, of no more use once the inner one is born, turns into the user namespace: it unshares,
 * the inner one (still privileged) writes its maps and takes hold of the namespace, then it forbids nested namespaces
 * and exits. Rootless: the caller's own ids are mapped by the process itself.
 */
#include "launcher.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) fail("open %s", path);
    if (write(file, text, strlen(text)) < 0) fail("write %s", path);
    close(file);
}

static void forbid_nested_namespaces(void) {
    /* Second line of defence behind seccomp: inside this user namespace no further namespace of any kind. */
    static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && defended("nested"); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i]);
        int file = open(path, O_WRONLY | O_CLOEXEC);
        if (file < 0) continue;
        if (write(file, "0", 1) < 0) fail("write %s", path);
        close(file);
    }
}

static void map_host_ids(const struct birth *birth, unsigned uid, unsigned gid) {
    char path[64], text[96];
    snprintf(path, sizeof(path), "/proc/%d/uid_map", birth->outer);
    snprintf(text, sizeof(text), "0 %u 1\n%u %u 1\n", birth->host_uid, uid, birth->host_uid + 1);
    /* JUSTIFICATION: mapping ids that are not one's own needs CAP_SETUID in the parent namespace.
     * SAFETY: the two host ids come from the spawner's reserved range, never 0 or a user's. */
    write_file(path, text);
    snprintf(path, sizeof(path), "/proc/%d/gid_map", birth->outer);
    snprintf(text, sizeof(text), "0 %u 1\n%u %u 1\n", birth->host_gid, gid, birth->host_gid + 1);
    write_file(path, text);
}

static void become_owner(const struct birth *birth) {
    /* What the kernel counts per user (inotify, pending signals, message queues) is charged to the namespace's owner as
     * well. Owned by root, one sandbox could use up what the host's root and every other sandbox may have.
     * JUSTIFICATION: keeps the capabilities, because some distributions let only root make user namespaces. SAFETY: by
     * system call, so for this process alone, which executes nothing and ends after the next few lines. */
    prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
    if (syscall(SYS_setresgid, birth->host_gid, birth->host_gid, birth->host_gid) < 0 ||
        syscall(SYS_setresuid, birth->host_uid, birth->host_uid, birth->host_uid) < 0)
        fail("become the owner of the user namespace");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

noreturn void become_user_namespace(const struct birth *birth) {
    char byte = 0;
    close(birth->unshared[0]), close(birth->mapped[1]);
    if (defended("owner")) become_owner(birth);
    if (unshare(CLONE_NEWUSER) < 0) fail("new user namespace");
    if (write(birth->unshared[1], &byte, 1) != 1) _exit(1);
    if (read(birth->mapped[0], &byte, 1) == 1) forbid_nested_namespaces();
    _exit(0);
}

int take_user_namespace(const struct birth *birth, unsigned uid, unsigned gid) {
    char byte = 0, path[64];
    close(birth->unshared[1]), close(birth->mapped[0]);
    if (read(birth->unshared[0], &byte, 1) != 1) _exit(1); /* the outer process has said why */
    map_host_ids(birth, uid, gid);
    snprintf(path, sizeof(path), "/proc/%d/ns/user", birth->outer);
    int users = open(path, O_RDONLY | O_CLOEXEC);
    if (users < 0) fail("open %s", path);
    if (write(birth->mapped[1], &byte, 1) != 1) fail("user namespace");
    close(birth->mapped[1]);
    return users;
}

void wait_for_outer(const struct birth *birth) {
    char byte;
    while (read(birth->unshared[0], &byte, 1) > 0) continue; /* until end of file: it has exited */
    close(birth->unshared[0]);
}

void map_own_ids(unsigned outer_uid, unsigned outer_gid, unsigned uid, unsigned gid) {
    char text[64];
    write_file("/proc/self/setgroups", "deny");
    snprintf(text, sizeof(text), "%u %u 1\n", uid, outer_uid);
    write_file("/proc/self/uid_map", text);
    snprintf(text, sizeof(text), "%u %u 1\n", gid, outer_gid);
    write_file("/proc/self/gid_map", text);
}
