/* /tmp on disk: an ext4 image in an unnamed file behind a loop device, mounted detached. Nothing of it has a name
 * anywhere, so when the sandbox is gone, however it went, the kernel frees mount, loop device and file.
 *
 * About 1.3 ms, hidden while the launcher waits as a blank if the size is the usual one. In memory (tmpfs) the files
 * would count against the function's memory limit.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount_api.h"

enum { LOOP_ATTEMPTS = 64 };

static bool copy_extents(int from, int to, off_t size) {
    /* Only what is written in the template: some 150 KB of half a gigabyte. */
    for (off_t data = lseek(from, 0, SEEK_DATA); data >= 0 && data < size; data = lseek(from, data, SEEK_DATA)) {
        off_t hole = lseek(from, data, SEEK_HOLE);
        off_t in = data, out = data;
        while (in < hole)
            if (copy_file_range(from, &in, to, &out, (size_t)(hole - in), 0) <= 0) return false;
        data = hole;
    }
    return true;
}

static int copy_image(const char *template) {
    char directory[4096];
    struct stat found;
    const char *slash = strrchr(template, '/');
    size_t length = slash == NULL ? sizeof(directory) : (size_t)(slash - template);
    if (length >= sizeof(directory)) return -1;
    memcpy(directory, template, length);
    directory[length] = '\0';
    int from = open(template, O_RDONLY | O_CLOEXEC);
    if (from < 0) return -1;
    int image = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (image >= 0 && (fstat(from, &found) < 0 || ftruncate(image, found.st_size) < 0 ||
                       !copy_extents(from, image, found.st_size))) {
        close(image);
        image = -1;
    }
    close(from);
    return image;
}

static int attach_loop(int host_devices, int image, char *name, size_t size) {
    /* JUSTIFICATION: the only way to give ext4 a size of its own without quota support in the kernel.
     * SAFETY: the image is an unnamed file made by us; AUTOCLEAR frees the device at the last close. */
    struct loop_config config = {.fd = (unsigned)image, .block_size = 4096, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
    int control = openat(host_devices, "loop-control", O_RDWR | O_CLOEXEC), device = -1;
    for (int attempt = 0; control >= 0 && device < 0 && attempt < LOOP_ATTEMPTS; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) break;
        snprintf(name, size, "loop%d", number);
        device = openat(host_devices, name, O_RDWR | O_CLOEXEC);
        if (device < 0) break;
        if (ioctl(device, LOOP_CONFIGURE, &config) == 0) break;
        int reason = errno;
        close(device);
        device = -1;
        if (reason != EBUSY) break; /* EBUSY: another sandbox took it first */
    }
    if (control >= 0) close(control);
    return device;
}

static bool set_flags(int context) {
    /* noinit_itable: no background writes; nobarrier: it need not outlive anything; discard: freed blocks go back. */
    static const char *const flags[] = {"noinit_itable", "nobarrier", "discard"};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, flags[i], NULL, 0) < 0) return false;
    return true;
}

static int mount_image(const char *device) {
    int context = (int)syscall(SYS_fsopen, "ext4", FSOPEN_CLOEXEC), tree = -1;
    if (context < 0) return -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", device, 0) == 0 && set_flags(context) &&
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        tree = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                            standing(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME));
    close(context);
    if (tree >= 0) unlinkat(tree, "lost+found", AT_REMOVEDIR);
    return tree;
}

int make_disk(int host_devices, const char *template) {
    int image = copy_image(template);
    if (image < 0) return -1;
    char name[32], path[64];
    int device = attach_loop(host_devices, image, name, sizeof(name)), tree = -1;
    if (device >= 0) {
        /* By way of the descriptor: /dev may be covered already. */
        snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", host_devices, name);
        tree = mount_image(path);
        close(device);
    }
    close(image);
    return tree;
}
