/* The memory image of a process, as take.c writes it and revive.c reads it: one header, then the contents of the
 * regions, page after page. x86_64 only. No libc on either side: the one is loaded into a foreign program, the other
 * builds a process in whose memory no libc of its own has a place.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAGE = 4096,
    MAX_REGIONS = 3000,
    MAX_DESCRIPTORS = 64,
    PATH_BYTES = 256,
    SIGNALS = 64,
    MAILBOX_BYTES = 256 * 1024, /* more than one message to pid 1 can hold */
    RUNTIME_API_PORT = 9001,
    IMAGE_PORT = 9002,
};

#define IMAGE_MAGIC 0x31454d4147494d4cULL /* changes with the format */

enum region_kind { CONTENT, EMPTY, STACK };

struct region {
    uint64_t start, end, offset;
    uint32_t kind, protection;
};

enum descriptor_kind { REGULAR, SOCKET, EVENT, POLL };

/* An open descriptor above 2. A file is opened again where it was; of a socket a closed connection is left. */
struct descriptor {
    int32_t number, kind, flags;
    uint64_t offset;
    char path[PATH_BYTES];
};

/* What a function call preserves: the image continues as if save_context returned a second time, with 1. */
struct context {
    uint64_t rip, rsp, rbx, rbp, r12, r13, r14, r15;
    uint32_t mxcsr;
    uint16_t x87_control;
};

struct kernel_action {
    uint64_t handler, flags, restorer, mask;
};

struct kernel_stack {
    uint64_t start;
    int32_t flags;
    uint64_t size;
};

/* struct prctl_mm_map of <linux/prctl.h>: where the kernel believes code, data, heap and arguments to be. */
struct memory_map {
    uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t auxv;
    uint32_t auxv_size, exe_fd;
};

struct image {
    uint64_t magic, header_bytes;
    uint64_t kernel_start, kernel_end; /* where the kernel's own code and data (vdso, vvar) lay */
    struct context context;
    uint64_t fs_base, tid_address, robust_list, robust_bytes, rseq, rseq_bytes;
    uint64_t mailbox; /* MAILBOX_BYTES of memory in which revive leaves the new arguments and variables */
    struct memory_map map;
    struct kernel_action actions[SIGNALS];
    uint64_t blocked;
    struct kernel_stack signal_stack;
    uint32_t region_count, descriptor_count;
    struct region regions[MAX_REGIONS];
    struct descriptor descriptors[MAX_DESCRIPTORS];
};

#endif
