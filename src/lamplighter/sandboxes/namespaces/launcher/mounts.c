/* Mounts by file descriptor (open_tree, fsopen, move_mount): a tree gets its final attributes while still detached,
 * so there is no moment at which a bind is writable or honours set-user-id bits, and every target is resolved inside
 * the new root with openat2(RESOLVE_IN_ROOT), so no symlink of a hostile image leads a mount elsewhere.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount_api.h"

int clone_tree(const char *source, uint64_t attributes) {
    /* Not recursive: what is mounted below the source on the host stays on the host. */
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) fail("bind %s", source);
    set_attributes(tree, attributes, source);
    return tree;
}

uint64_t standing(uint64_t attributes) {
    uint64_t left_out = (defended("readonly") ? 0 : MOUNT_ATTR_RDONLY) | (defended("nosuid") ? 0 : MOUNT_ATTR_NOSUID) |
                        (defended("nodev") ? 0 : MOUNT_ATTR_NODEV);
    return attributes & ~left_out;
}

void set_attributes(int tree, uint64_t attributes, const char *what) {
    struct mount_attributes wanted = {.attr_set = standing(attributes)};
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &wanted, sizeof(wanted)) < 0)
        fail("mount attributes of %s", what);
}

void attach_tree(int tree, int root, const char *target) {
    while (*target == '/') target++;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if (!defended("resolve")) how.resolve = 0;
    int place = (int)syscall(SYS_openat2, root, target, &how, sizeof(how));
    if (place < 0) fail("mount point /%s", target);
    if (syscall(SYS_move_mount, tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        fail("mount at /%s", target);
    close(place);
}

static int finish(int context, const char *type, uint64_t attributes) {
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) fail("create %s", type);
    int tree = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, standing(attributes));
    if (tree < 0) fail("fsmount %s", type);
    close(context);
    return tree;
}

int new_filesystem(const char *type, const char *const *options, uint64_t attributes) {
    int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (context < 0) fail("fsopen %s", type);
    for (; options != NULL && options[0] != NULL; options += 2)
        if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, options[0], options[1], 0) < 0)
            fail("%s option %s=%s", type, options[0], options[1]);
    return finish(context, type, attributes);
}

static bool append_lowers(int context, const char *const *lower, int count) {
    for (int i = 0; i < count; i++)
        if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "lowerdir+", lower[i], 0) < 0) return false;
    return true;
}

static void join_lowers(int context, const char *const *lower, int count) {
    /* Kernels before 6.5 take one text of at most a page, with ':' between the directories. */
    char text[4096];
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        int more = snprintf(text + used, sizeof(text) - used, "%s%s", i == 0 ? "" : ":", lower[i]);
        if (more < 0 || (used += (size_t)more) >= sizeof(text) || strchr(lower[i], ':') != NULL) {
            errno = ENAMETOOLONG;
            fail("too many layers for a kernel before 6.5");
        }
    }
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "lowerdir", text, 0) < 0) fail("overlay lowerdir");
}

int new_overlay(const char *const *lower, int count, bool is_root, uint64_t attributes) {
    int context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
    if (context < 0) fail("fsopen overlay");
    if (!append_lowers(context, lower, count)) {
        close(context);
        context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
        if (context < 0) fail("fsopen overlay");
        join_lowers(context, lower, count);
    }
    /* Without root the overlay may only use the user.* attributes. */
    if (!is_root && syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
        fail("overlay userxattr");
    return finish(context, "overlay", attributes);
}
