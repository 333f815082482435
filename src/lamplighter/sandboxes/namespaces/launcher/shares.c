/* A shared directory of the host as one mount: the directory itself and nothing above it or mounted below it, without
 * set-user-id bits and devices.
 *
 * In root mode each sandbox has host ids of its own, so what one function writes another could not change. The mount
 * therefore maps ids: on the disk everything belongs to the ids in the plan, inside to the function. On file systems
 * that cannot map (NFS) the directory is mounted as it is, and its mode bits or the file server decide.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount_api.h"

enum { MAPS_IDS = 0x00100000 }; /* MOUNT_ATTR_IDMAP */

static void map_one(pid_t child, const char *file, long on_disk, unsigned of_function) {
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", child, file);
    snprintf(text, sizeof(text), "%ld %u 1\n", on_disk, of_function);
    write_file(path, text);
}

/* A user namespace that says which id on the disk is which of the function's; only its map is ever used. */
static int make_map(const struct bind *bind, unsigned uid, unsigned gid) {
    char path[64];
    /* JUSTIFICATION: mount_setattr takes a map only in the form of a user namespace.
     * SAFETY: its one process does nothing and is gone before any foreign code runs. */
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child < 0) fail("user namespace for %s", bind->target);
    while (child == 0) pause();
    map_one(child, "uid_map", bind->uid, uid);
    map_one(child, "gid_map", bind->gid, gid);
    snprintf(path, sizeof(path), "/proc/%d/ns/user", child);
    int users = open(path, O_RDONLY | O_CLOEXEC);
    if (users < 0) fail("open %s", path);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return users;
}

static void map_owner(int tree, const struct bind *bind, const struct birth *birth) {
    int users = make_map(bind, birth->host_uid + 1, birth->host_gid + 1);
    struct mount_attributes wanted = {.attr_set = MAPS_IDS, .userns_fd = (uint64_t)users};
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &wanted, sizeof(wanted)) < 0 && errno != EINVAL &&
        errno != EPERM)
        fail("map the owner of %s", bind->source);
    close(users);
}

int shared_tree(const struct bind *bind, const struct birth *birth) {
    /* No symbolic link anywhere on the way: a function that may write to a directory further up could put one there. */
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    int directory = (int)syscall(SYS_openat2, AT_FDCWD, bind->source, &how, sizeof(how));
    if (directory < 0) fail("open %s", bind->source);
    int tree = (int)syscall(SYS_open_tree, directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) fail("bind %s", bind->source);
    close(directory);
    uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    set_attributes(tree, attributes | (bind->writable ? 0 : MOUNT_ATTR_RDONLY), bind->source);
    if (birth->is_root) map_owner(tree, bind, birth);
    return tree;
}
