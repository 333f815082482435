/* The mount system calls and their constants, spelt out: libc's headers know them only since 2022, and theirs clash
 * with the kernel's. No file that includes this one includes <sys/mount.h> or <linux/mount.h>.
 */
#ifndef MOUNT_API_H
#define MOUNT_API_H

#include <stdint.h>
#include <sys/syscall.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

enum {
    OPEN_TREE_CLONE = 1,
    OPEN_TREE_CLOEXEC = 02000000,
    MOVE_MOUNT_F_EMPTY_PATH = 0x04,
    MOVE_MOUNT_T_EMPTY_PATH = 0x40,
    FSOPEN_CLOEXEC = 1,
    FSMOUNT_CLOEXEC = 1,
    FSCONFIG_SET_FLAG = 0,
    FSCONFIG_SET_STRING = 1,
    FSCONFIG_CMD_CREATE = 6,
    MOUNT_ATTR_RDONLY = 0x01,
    MOUNT_ATTR_NOSUID = 0x02,
    MOUNT_ATTR_NODEV = 0x04,
    MOUNT_ATTR_NOEXEC = 0x08,
    MOUNT_ATTR_NOATIME = 0x10,
    MS_REC = 1 << 14,
    MS_PRIVATE = 1 << 18,
    MS_SLAVE = 1 << 19,
    MNT_DETACH = 2,
};

struct mount_attributes {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

#endif
