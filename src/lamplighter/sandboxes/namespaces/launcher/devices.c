/* /dev with the five harmless devices and Lambda's links, and /proc of the sandbox's own pid namespace with what
 * tells of the host, or could change it, masked. Both are made while the launcher waits as a blank (they cover the
 * host's in its own mount namespace) and are moved into the sandbox's root later: no start waits for them.
 */
#include "launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount_api.h"

static const struct {
    const char *name;
    unsigned minor;
} DEVICES[] = {{"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};

static const char *const LINKS[][2] = {
    {"/proc/self/fd", "fd"},
    {"/proc/self/fd/0", "stdin"},
    {"/proc/self/fd/1", "stdout"},
    {"/proc/self/fd/2", "stderr"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void make_nodes(int devices) {
    for (size_t i = 0; i < COUNT(DEVICES); i++) {
        /* JUSTIFICATION: programs expect these five. SAFETY: they are the kernel's memory devices that every user may
         * use; no other number can be made, because the function has no CAP_MKNOD and every other mount is nodev. */
        if (mknodat(devices, DEVICES[i].name, S_IFCHR | 0666, makedev(1, DEVICES[i].minor)) < 0)
            fail("mknod /dev/%s", DEVICES[i].name);
        if (fchmodat(devices, DEVICES[i].name, 0666, 0) < 0) fail("chmod /dev/%s", DEVICES[i].name);
    }
}

/* Without root no device can be made: the host's are bound. They must be held before its /dev is covered. */
static void hold_host_nodes(int *trees) {
    for (size_t i = 0; i < COUNT(DEVICES); i++) {
        char source[32];
        snprintf(source, sizeof(source), "/dev/%s", DEVICES[i].name);
        trees[i] = clone_tree(source, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    }
}

static void bind_nodes(int devices, const int *trees) {
    for (size_t i = 0; i < COUNT(DEVICES); i++) {
        int place = openat(devices, DEVICES[i].name, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
        if (place < 0) fail("create /dev/%s", DEVICES[i].name);
        close(place);
        attach_tree(trees[i], devices, DEVICES[i].name);
        close(trees[i]);
    }
}

static void attach_over(int tree, const char *place) {
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) < 0) fail("mount at %s", place);
}

int prepare_devices(bool is_root) {
    const char *options[] = {"size", "64k", "mode", "0755", NULL};
    int nodes[COUNT(DEVICES)];
    if (!is_root) hold_host_nodes(nodes);
    int devices = new_filesystem("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    attach_over(devices, "/dev");
    if (is_root)
        make_nodes(devices);
    else
        bind_nodes(devices, nodes);
    for (size_t i = 0; i < COUNT(LINKS); i++)
        if (symlinkat(LINKS[i][0], devices, LINKS[i][1]) < 0) fail("link /dev/%s", LINKS[i][1]);
    set_attributes(devices, MOUNT_ATTR_RDONLY, "/dev");
    return devices;
}

/* Made read-only. */
static const char *const FIXED[] = {"sys"};
/* Hidden: files behind /dev/null, directories behind an empty filesystem. */
static const char *const HIDDEN_FILES[] = {
    "kcore",       "keys",       "key-users", "sysrq-trigger", "timer_list", "timer_stats", "sched_debug",
    "latency_stats", "kallsyms", "kmsg",      "kpagecount",    "kpageflags", "kpagecgroup", "iomem",
    "ioports",     "mtrr",       "config.gz", "slabinfo",      "vmallocinfo", "diskstats", "partitions", "locks",
    "interrupts",  "softirqs",   "cmdline",   "modules",       "schedstat",  "buddyinfo",   "zoneinfo",   "pagetypeinfo",
    "bootconfig",  "crypto",
};
static const char *const HIDDEN_DIRECTORIES[] = {"acpi", "scsi", "asound", "driver", "dma", "pressure",
                                                 "fs",   "bus",  "irq",    "tty"};

static int clone_inside(int at, const char *name) {
    return (int)syscall(SYS_open_tree, at, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
}

static bool is_there(int at, const char *name, mode_t kind) {
    struct stat found;
    return fstatat(at, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && (found.st_mode & S_IFMT) == kind;
}

static void hide_files(int devices, int proc) {
    for (size_t i = 0; i < COUNT(HIDDEN_FILES) && defended("masks"); i++) {
        if (!is_there(proc, HIDDEN_FILES[i], S_IFREG)) continue;
        int nothing = clone_inside(devices, "null");
        if (nothing < 0) fail("bind /dev/null");
        attach_tree(nothing, proc, HIDDEN_FILES[i]);
        close(nothing);
    }
}

static void hide_directories(int proc) {
    const char *options[] = {"size", "4k", "mode", "0555", NULL};
    const char *first = NULL; /* one empty filesystem serves all */
    for (size_t i = 0; i < COUNT(HIDDEN_DIRECTORIES) && defended("masks"); i++) {
        if (!is_there(proc, HIDDEN_DIRECTORIES[i], S_IFDIR)) continue;
        int empty = first == NULL
                        ? new_filesystem("tmpfs", options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
                        : clone_inside(proc, first);
        if (empty < 0) fail("bind /proc/%s", first);
        attach_tree(empty, proc, HIDDEN_DIRECTORIES[i]);
        if (first == NULL) first = HIDDEN_DIRECTORIES[i];
        close(empty);
    }
}

int prepare_proc(int devices) {
    /* hidepid: the function sees the processes of its own user, so not even the sandbox's pid 1. */
    const char *options[] = {"hidepid", defended("hidepid") ? "invisible" : "off", NULL};
    int proc = new_filesystem("proc", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    attach_over(proc, "/proc");
    for (size_t i = 0; i < COUNT(FIXED) && defended("fixed"); i++) {
        if (!is_there(proc, FIXED[i], S_IFDIR)) continue;
        int tree = clone_inside(proc, FIXED[i]);
        if (tree < 0) fail("bind /proc/%s", FIXED[i]);
        set_attributes(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, FIXED[i]);
        attach_tree(tree, proc, FIXED[i]);
        close(tree);
    }
    hide_files(devices, proc);
    hide_directories(proc);
    return proc;
}
