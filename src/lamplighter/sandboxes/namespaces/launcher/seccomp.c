/* The system call filter: an allow list emitted as BPF by ourselves.
 *
 * What is on the list runs; what the list's author knew and left out answers EPERM; what is newer than the list
 * answers ENOSYS, so that libraries fall back. The kernel keeps a bitmap of the plainly allowed numbers, so the length
 * of the program costs nothing on the hot path. The same filter holds for pid 1 and for every process of the function.
 */
#include "launcher.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the system call filter is written for x86_64 and aarch64"
#endif

static int allowed[] = {
#include "allowed_calls.h"
};

enum {
    NEW_NAMESPACE_FLAGS = 0x7E020000, /* CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} */
    NEWEST_KNOWN = 462,               /* mseal, Linux 6.10: anything above is unknown to this list */
    X32_BIT = 0x40000000,
    MAX_INSTRUCTIONS = 400,
};

static struct sock_filter program[MAX_INSTRUCTIONS];
static unsigned short length;

static void emit(uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false) {
    if (length == MAX_INSTRUCTIONS) {
        errno = E2BIG;
        fail("the system call filter is too long");
    }
    program[length++] = (struct sock_filter){.code = code, .k = value, .jt = if_true, .jf = if_false};
}

static void load(size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0); }
static void give(uint32_t verdict) { emit(BPF_RET | BPF_K, verdict, 0, 0); }
static uint32_t refuse(int reason) { return SECCOMP_RET_ERRNO | (uint32_t)reason; }

/* The next `count` instructions are for this system call only. */
static void on_call(int number, uint8_t count) { emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, count); }

static void load_argument(int index) {
    /* The lower half: flags, families and personas all fit, and the kernel reads them as 32 bits. */
    load(offsetof(struct seccomp_data, args) + 8 * (size_t)index);
}

/* `number` is allowed only with one of `values` as its argument `index`. */
static void allow_values(int number, int index, const uint32_t *values, int count, int reason) {
    on_call(number, (uint8_t)(2 * count + 2));
    load_argument(index);
    for (int i = 0; i < count; i++) {
        emit(BPF_JMP | BPF_JEQ | BPF_K, values[i], 0, 1);
        give(SECCOMP_RET_ALLOW);
    }
    give(refuse(reason));
}

static void refuse_value(int number, int index, uint32_t value, int reason) {
    on_call(number, 4);
    load_argument(index);
    emit(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    give(refuse(reason));
    load(offsetof(struct seccomp_data, nr));
}

static void check_architecture(void) {
    load(offsetof(struct seccomp_data, arch));
    emit(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    give(SECCOMP_RET_KILL_PROCESS); /* 32-bit entry points have other numbers: never let them be mistaken */
    load(offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    emit(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    give(refuse(ENOSYS));
#endif
}

static void check_clone(void) {
    on_call(SYS_clone, 4);
    load_argument(0);
    emit(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACE_FLAGS, 0, 1);
    give(refuse(EPERM));
    give(SECCOMP_RET_ALLOW);
    /* Its flags lie in memory, where no filter can look: libraries fall back to clone. */
    on_call(435 /* clone3 */, 1);
    give(refuse(ENOSYS));
}

/* `number` is refused when its argument `index` has any of `bits`. */
static void refuse_bits(int number, int index, uint32_t bits, int reason) {
    on_call(number, 4);
    load_argument(index);
    emit(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    give(refuse(reason));
    load(offsetof(struct seccomp_data, nr));
}

/* The next `count` instructions are for sockets of this family only. */
static void on_family(uint32_t family, uint8_t count) {
    load_argument(0);
    emit(BPF_JMP | BPF_JEQ | BPF_K, family, 0, count);
}

static void check_internet_sockets(void) {
    /* TCP, UDP and ping, each given by name or as the default. No protocol whose first socket would load a module into
     * the kernel (SCTP, DCCP, L2TP, ...), and none that the firewall was not written for. */
    static const uint32_t internet[] = {AF_INET, AF_INET6}, protocols[] = {0, 1, 6, 17, 58};
    enum { TYPES = 6, FAMILIES = 2 + TYPES + 2 * 5 + 1, NETLINK = 2 + 3 };
    on_call(SYS_socket, 2 * FAMILIES + NETLINK);
    for (int i = 0; i < 2; i++) {
        on_family(internet[i], FAMILIES - 2);
        load_argument(1);
        emit(BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0); /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
        emit(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 2, 0);
        emit(BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 1, 0);
        give(refuse(EPROTONOSUPPORT));
        load_argument(2);
        for (int j = 0; j < 5; j++) {
            emit(BPF_JMP | BPF_JEQ | BPF_K, protocols[j], 0, 1);
            give(SECCOMP_RET_ALLOW);
        }
        give(refuse(EPROTONOSUPPORT));
    }
    /* Routes and interfaces of its own network only: kernel events, for one, would tell of the host's devices. */
    on_family(AF_NETLINK, NETLINK - 2);
    load_argument(2);
    emit(BPF_JMP | BPF_JEQ | BPF_K, 0 /* NETLINK_ROUTE */, 0, 1);
    give(SECCOMP_RET_ALLOW);
    load(offsetof(struct seccomp_data, nr)); /* the next check looks at the number again and refuses */
}

static void check_arguments(void) {
    /* No AF_VSOCK (reaches the hypervisor past every network namespace), AF_ALG, AF_PACKET, AF_XDP, ... */
    static const uint32_t families[] = {AF_UNIX};
    check_internet_sockets();
    allow_values(SYS_socket, 0, families, 1, EAFNOSUPPORT);
    static const uint32_t pair_families[] = {AF_UNIX};
    allow_values(SYS_socketpair, 0, pair_families, 1, EAFNOSUPPORT);
    static const uint32_t personas[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};
    allow_values(SYS_personality, 0, personas, 5, EPERM);
    refuse_value(SYS_ioctl, 1, 0x5412 /* TIOCSTI: types into a terminal */, EPERM);
    refuse_value(SYS_ioctl, 1, 0x541C /* TIOCLINUX */, EPERM);
    /* Huge pages are the host's, not counted as the sandbox's memory. */
    refuse_bits(SYS_mmap, 3, 0x40000 /* MAP_HUGETLB */, EPERM);
    refuse_bits(SYS_memfd_create, 1, 4 /* MFD_HUGETLB */, EPERM);
    /* sync() would flush every filesystem of the host: succeeds without doing anything. */
    on_call(SYS_sync, 1);
    give(refuse(0));
}

static void sort(int *numbers, int count) {
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && numbers[j - 1] > numbers[j]; j--) {
            int larger = numbers[j - 1];
            numbers[j - 1] = numbers[j], numbers[j] = larger;
        }
}

/* Runs of neighbouring numbers, so that judging a number takes two comparisons for each run below it. */
static void allow_runs(int *numbers, int count) {
    sort(numbers, count);
    for (int i = 0; i < count;) {
        int first = numbers[i], last = first;
        while (++i < count && numbers[i] <= last + 1) last = numbers[i];
        emit(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)last, 2, 0);
        emit(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)first, 0, 1);
        give(SECCOMP_RET_ALLOW);
    }
}

void install_seccomp(void) {
    length = 0;
    check_architecture();
    check_clone();
    check_arguments();
    allow_runs(allowed, sizeof(allowed) / sizeof(allowed[0]));
    emit(BPF_JMP | BPF_JGT | BPF_K, NEWEST_KNOWN, 0, 1);
    give(refuse(ENOSYS));
    give(refuse(EPERM));
    struct sock_fprog filter = {.len = length, .filter = program};
    /* JUSTIFICATION: the kernel's surface is the largest there is. SAFETY: no_new_privs is set, so no program that
     * is executed later can gain anything by running under the filter. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0) fail("the system call filter");
}
