/* The sandbox's root: the runtime's filesystem read-only, the plan's binds, layers, /tmp, /dev and /proc; then the
 * host's tree is let go.
 */
#include "launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount_api.h"

static const uint64_t READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
static const uint64_t WRITABLE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

static int mount_base(const struct plan *plan, bool is_root) {
    int tree;
    if (plan->stubs == NULL) {
        tree = clone_tree(plan->root, READ_ONLY);
    } else {
        /* Mount points that the runtime's filesystem lacks come from a directory of empty files and directories. */
        const char *lower[] = {plan->root, plan->stubs};
        tree = new_overlay(lower, 2, is_root, READ_ONLY);
    }
    /* It covers itself: pivot_root asks for a mount that is attached somewhere. */
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, plan->root, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        fail("mount the root %s", plan->root);
    return tree;
}

static void mount_layers(const struct plan *plan, int root, bool is_root) {
    if (plan->layer_count == 0) return;
    int tree = plan->layer_count == 1 ? clone_tree(plan->layers[0], READ_ONLY)
                                      : new_overlay(plan->layers, plan->layer_count, is_root, READ_ONLY);
    attach_tree(tree, root, "opt");
    close(tree);
}

static int tmp_in_memory(const struct plan *plan, unsigned uid, unsigned gid) {
    char size[32], owner[16], group[16];
    snprintf(size, sizeof(size), "%ld", plan->tmp_bytes);
    snprintf(owner, sizeof(owner), "%u", uid);
    snprintf(group, sizeof(group), "%u", gid);
    const char *options[] = {"size", size, "mode", "0700", "uid", owner, "gid", group, NULL};
    return new_filesystem("tmpfs", options, WRITABLE);
}

static int tmp_on_disk(const struct plan *plan, const struct birth *birth, const struct prepared *prepared) {
    if (plan->disk == NULL) return -1;
    bool is_usual = birth->disk != NULL && strcmp(birth->disk, plan->disk) == 0;
    return is_usual && prepared->disk >= 0 ? prepared->disk : make_disk(prepared->host_devices, plan->disk);
}

static const char *mount_tmp(const struct plan *plan, const struct birth *birth, const struct prepared *prepared,
                             int root) {
    unsigned uid = birth->is_root ? birth->host_uid + 1 : plan->uid;
    unsigned gid = birth->is_root ? birth->host_gid + 1 : plan->gid;
    int disk = tmp_on_disk(plan, birth, prepared);
    int tree = disk >= 0 ? disk : tmp_in_memory(plan, uid, gid);
    if (disk >= 0 && (fchownat(tree, ".", uid, gid, 0) < 0 || fchmodat(tree, ".", 0700, 0) < 0)) fail("owner of /tmp");
    attach_tree(tree, root, "tmp");
    close(tree);
    return disk >= 0 ? "disk" : "memory";
}

static void leave_host(int root) {
    /* JUSTIFICATION: after pivot_root the host's whole tree lies stacked under the new root; detaching it leaves no
     * path back to it. SAFETY: both descriptors are directories of this mount namespace, propagation is private, and
     * no other process shares the namespace. */
    if (fchdir(root) < 0) fail("fchdir to the new root");
    if (syscall(SYS_pivot_root, ".", ".") < 0) fail("pivot_root");
    if (defended("detach") && syscall(SYS_umount2, ".", MNT_DETACH) < 0) fail("detach the host's root");
    if (chdir("/") < 0) fail("chdir /");
}

void prepare_mounts(const struct birth *birth, struct prepared *prepared) {
    /* JUSTIFICATION: no mount made here may ever reach the host, yet what the host unmounts while this blank waits
     * must go here too, or a disk that its owner took away would stay in use.
     * SAFETY: changes only this process's own copy of the mount namespace. */
    if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) fail("make / a slave of the host's");
    prepared->host_devices = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (prepared->host_devices < 0) fail("open /dev");
    prepared->disk = birth->disk == NULL ? -1 : make_disk(prepared->host_devices, birth->disk);
    prepared->devices = prepare_devices(birth->is_root);
    prepared->proc = prepare_proc(prepared->devices);
}

const char *build_root(const struct plan *plan, const struct birth *birth, const struct prepared *prepared) {
    /* JUSTIFICATION: what the host mounts below a bound directory later must not appear in the sandbox.
     * SAFETY: changes only this process's own copy of the mount namespace. */
    if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("make / private");
    int root = mount_base(plan, birth->is_root);
    for (int i = 0; i < plan->bind_count; i++) {
        const struct bind *bind = &plan->binds[i];
        int tree = bind->is_shared ? shared_tree(bind, birth)
                                   : clone_tree(bind->source, bind->writable ? WRITABLE : READ_ONLY);
        attach_tree(tree, root, bind->target);
        close(tree);
    }
    mount_layers(plan, root, birth->is_root);
    const char *tmp = mount_tmp(plan, birth, prepared, root);
    attach_tree(prepared->devices, root, "dev");
    attach_tree(prepared->proc, root, "proc");
    close(prepared->devices), close(prepared->proc), close(prepared->host_devices);
    if (prepared->disk >= 0) close(prepared->disk);
    leave_host(root);
    close(root);
    return tmp;
}
