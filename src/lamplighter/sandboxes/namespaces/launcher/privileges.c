/* Giving power up: the user namespace entered last, the bounding set emptied, capabilities dropped.
 *
 * The mount, network and pid namespaces were made before the user namespace, so they belong to its parent: even a
 * function that became uid 0 in here with every capability would have no power over mounts or network.
 */
#include "launcher.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void become(unsigned uid, unsigned gid) {
    if (setgroups(0, NULL) < 0) fail("setgroups");
    if (setresgid(gid, gid, gid) < 0) fail("setresgid %u", gid);
    if (setresuid(uid, uid, uid) < 0) fail("setresuid %u", uid);
}

void enter_user_namespace(const struct birth *birth, const struct plan *plan) {
    if (birth->is_root) {
        /* JUSTIFICATION: from here on this process has capabilities only over its own user namespace.
         * SAFETY: the namespace was made for this sandbox, maps two host ids that nothing else uses, and cannot be
         * left again. */
        if (setns(birth->users_fd, CLONE_NEWUSER) < 0) fail("enter the user namespace");
        close(birth->users_fd);
        become(0, 0);
        return;
    }
    /* Rootless: a second user namespace below the one that owns the mounts, so that they are out of reach. */
    if (unshare(CLONE_NEWUSER) < 0) fail("second user namespace");
    map_own_ids(plan->uid, plan->gid, plan->uid, plan->gid);
}

void drop_bounding_set(void) {
    if (!defended("power") || !defended("capabilities")) return;
    for (int capability = 0; capability < 64; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) break; /* EINVAL after the kernel's last one */
    if (prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) != 0) fail("the bounding set is not empty");
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static void set_capabilities(uint32_t low) {
    if (!defended("power") || !defended("capabilities")) return;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof(data));
    data[0].effective = data[0].permitted = low;
    if (syscall(SYS_capset, &header, data) < 0) fail("capset");
}

void drop_all_capabilities(void) { set_capabilities(0); }

void keep_init_capabilities(bool is_root) {
    /* pid 1 changes to the function's user in each child and signals its processes; nothing more. */
    set_capabilities(is_root ? (1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_KILL) : 0);
}
