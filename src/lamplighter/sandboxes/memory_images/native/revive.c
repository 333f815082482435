/* revive IMAGE [ARGUMENT...]: becomes the process whose memory image it is given.
 *
 * An ordinary program, executed in an ordinary sandbox with no more rights than the function. It clears its own memory,
 * maps the image in private (pages that nobody writes to are shared by all processes of one image), tells the kernel
 * what it knew about the old process, leaves its arguments and environment in the mailbox and jumps into the image.
 * It is linked at an address that no other program uses.
 */
#include "bare.h"
#include "image.h"

enum {
    MAP_PRIVATE_FIXED = 0x12,
    MAP_ANONYMOUS_ = 0x20,
    MAP_NORESERVE_ = 0x4000,
    STACK_BYTES = 8 << 20, /* the usual limit: what a program may expect */
    FAILED = 120,          /* the exit status when the image cannot be used */
    RED_ZONE = 128,
};

/* Our own place, far from where the kernel puts programs, libraries and stacks; the first is the linker's too. */
#define OUR_START 0x1000000000UL
#define ASIDE 0x1200000000UL  /* where the kernel's pages wait while the place is cleared */
#define HEADER 0x1300000000UL /* where the head of the image is mapped */
#define OUR_END 0x1400000000UL

static const struct image *const image = (const struct image *)HEADER;
static char maps[1 << 16];
static char mail[MAILBOX_BYTES];
__attribute__((used, aligned(16))) static char new_stack[65536];

static _Noreturn void give_up(int step) {
    static char text[] = "the memory image cannot be used: step ?\n";
    text[sizeof(text) - 3] = (char)('a' + step);
    CALL(__NR_write, 2, text, sizeof(text) - 1);
    for (;;) CALL(__NR_exit_group, FAILED);
}

static void require(bool is_good, int step) {
    if (!is_good) give_up(step);
}

/* --- arguments ------------------------------------------------------------------------------------------------ */

static size_t keep_strings(char **strings, size_t at) {
    for (; *strings != NULL; strings++) {
        size_t length = length_of(*strings) + 1;
        require(at + length + 2 < sizeof(mail) - sizeof(uint64_t), 0);
        for (size_t i = 0; i < length; i++) mail[at + i] = (*strings)[i];
        at += length;
    }
    mail[at++] = '\0'; /* an empty string ends the list; no argument of ours is empty, empty variables have a '=' */
    return at;
}

/* --- memory --------------------------------------------------------------------------------------------------- */

/* Moves the kernel's pages, keeping their order, so that they begin at `target`. */
static void move_kernels(uint64_t from, uint64_t target) {
    struct mapping mapping;
    require(read_file("/proc/self/maps", maps, sizeof(maps)) > 0, 1);
    for (const char *at = maps; next_mapping(&at, &mapping);) {
        if (!is_kernels(&mapping)) continue;
        uint64_t size = mapping.end - mapping.start, place = target + (mapping.start - from);
        require(CALL(__NR_mremap, mapping.start, size, size, 3 /* MAYMOVE | FIXED */, place) == (long)place, 2);
    }
}

static uint64_t kernels_start(uint64_t *size) {
    struct mapping mapping;
    uint64_t start = 0;
    require(read_file("/proc/self/maps", maps, sizeof(maps)) > 0, 1);
    for (const char *at = maps; next_mapping(&at, &mapping);) {
        if (!is_kernels(&mapping)) continue;
        if (start == 0) start = mapping.start;
        *size = mapping.end - start;
    }
    return start;
}

static void clear(void) {
    struct mapping mapping;
    require(read_file("/proc/self/maps", maps, sizeof(maps)) > 0, 1);
    for (const char *at = maps; next_mapping(&at, &mapping);) {
        bool is_ours = mapping.start >= OUR_START && mapping.start < OUR_END;
        if (is_ours || is_kernels(&mapping) || begins(mapping.name, "[vsyscall]")) continue;
        CALL(__NR_munmap, mapping.start, mapping.end - mapping.start);
    }
}

static void map_at(uint64_t start, uint64_t end, uint32_t protection, int flags, int file, uint64_t offset) {
    long got = CALL(__NR_mmap, start, end - start, protection, MAP_PRIVATE_FIXED | flags, file, offset);
    require(got == (long)start, 3);
}

/* The stack must be able to grow: anonymous memory of the usual size, with what was in use copied. */
static void map_stack(const struct region *region, int file) {
    uint64_t used = (image->context.rsp - RED_ZONE) & ~(uint64_t)(PAGE - 1);
    require(used >= region->start && used < region->end, 4);
    map_at(region->end - STACK_BYTES, region->end, 3, MAP_ANONYMOUS_ | MAP_NORESERVE_, -1, 0);
    for (uint64_t at = used; at < region->end;) {
        long got = CALL(__NR_pread64, file, at, region->end - at, region->offset + (at - region->start));
        require(got > 0, 4);
        at += (uint64_t)got;
    }
}

static void map_regions(int file) {
    for (uint32_t i = 0; i < image->region_count; i++) {
        const struct region *region = &image->regions[i];
        if (region->kind == STACK)
            map_stack(region, file);
        else if (region->kind == CONTENT)
            map_at(region->start, region->end, region->protection, 0, file, region->offset);
        else
            map_at(region->start, region->end, region->protection, MAP_ANONYMOUS_ | MAP_NORESERVE_, -1, 0);
    }
}

/* --- what the kernel knows ------------------------------------------------------------------------------------ */

/* The directories that lead to a file of /tmp; what lies there comes back a little later, into the same files. */
static void make_directories(const char *path) {
    char part[PATH_BYTES];
    for (size_t i = 0; path[i] != '\0'; i++) {
        part[i] = path[i];
        if (i > sizeof("/tmp") && path[i + 1] == '/') {
            part[i + 1] = '\0';
            CALL(__NR_mkdir, part, 0700);
        }
    }
}

static long open_file(const struct descriptor *descriptor) {
    /* Not emptied a second time. */
    int flags = descriptor->flags & ~(0100 | 0200 | 01000);
    bool is_temporary = begins(descriptor->path, "/tmp/");
    if (is_temporary) make_directories(descriptor->path);
    long made = CALL(__NR_open, descriptor->path, is_temporary ? flags | 0100 : flags, 0600);
    if (made >= 0 && descriptor->offset != 0) CALL(__NR_lseek, made, descriptor->offset, 0);
    /* Whatever is not there any more leaves its number taken, lest another file be mistaken for it. */
    return made >= 0 ? made : CALL(__NR_open, "/dev/null", 2 | (flags & 02000000), 0);
}

static void open_again(const struct descriptor *descriptor) {
    long made = -1;
    int pair[2], close_on_exec = descriptor->flags & 02000000;
    if (descriptor->kind == REGULAR) {
        made = open_file(descriptor);
    } else if (descriptor->kind == SOCKET && CALL(__NR_socketpair, 1, 1 | close_on_exec, 0, pair) == 0) {
        CALL(__NR_close, pair[1]);
        made = pair[0];
    } else if (descriptor->kind == EVENT) {
        made = CALL(__NR_eventfd2, 0, descriptor->flags & (04000 | 02000000));
    } else if (descriptor->kind == POLL) {
        made = CALL(__NR_epoll_create1, close_on_exec);
    }
    if (made < 0 || made == descriptor->number) return;
    CALL(__NR_dup3, made, descriptor->number, close_on_exec);
    CALL(__NR_close, made);
}

static void tell_kernel(void) {
    /* SAFETY: addresses only; without them the heap would be extended elsewhere. Older kernels may refuse. */
    CALL(__NR_prctl, 35 /* PR_SET_MM */, 14 /* PR_SET_MM_MAP */, &image->map, sizeof(image->map), 0);
    require(CALL(__NR_arch_prctl, 0x1002 /* ARCH_SET_FS */, image->fs_base) == 0, 5);
    for (int number = 1; number <= SIGNALS; number++)
        CALL(__NR_rt_sigaction, number, &image->actions[number - 1], 0, 8);
    CALL(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &image->blocked, 0, 8);
    if ((image->signal_stack.flags & 2) == 0) CALL(__NR_sigaltstack, &image->signal_stack, 0);
    if (image->robust_list != 0) CALL(__NR_set_robust_list, image->robust_list, image->robust_bytes);
    if (image->tid_address != 0) *(int *)image->tid_address = (int)CALL(__NR_set_tid_address, image->tid_address);
    if (image->rseq_bytes != 0) {
        for (uint64_t i = 0; i < image->rseq_bytes; i++) ((char *)image->rseq)[i] = 0;
        CALL(__NR_rseq, image->rseq, image->rseq_bytes, 0, 0x53053053);
    }
}

_Noreturn void resume(const struct context *context);

__asm__(
    ".text\n"
    ".globl resume\n"
    "resume:\n"
    "    movq 16(%rdi), %rbx\n"
    "    movq 24(%rdi), %rbp\n"
    "    movq 32(%rdi), %r12\n"
    "    movq 40(%rdi), %r13\n"
    "    movq 48(%rdi), %r14\n"
    "    movq 56(%rdi), %r15\n"
    "    ldmxcsr 64(%rdi)\n"
    "    fldcw 68(%rdi)\n"
    "    movq 8(%rdi), %rsp\n"
    "    movl $1, %eax\n"
    "    jmpq *0(%rdi)\n"
    /* The kernel enters with the arguments on a stack that is about to go. */
    ".globl _start\n"
    "_start:\n"
    "    movq %rsp, %rdi\n"
    "    leaq new_stack+65520(%rip), %rsp\n"
    "    call become\n");

__attribute__((used)) static _Noreturn void become(char **arguments) __asm__("become");

static _Noreturn void become(char **arguments) {
    long count = (long)arguments[0];
    char **argv = arguments + 1, **envp = argv + count + 1;
    require(count >= 2, 0);
    int file = (int)CALL(__NR_open, argv[1], 02000000, 0);
    require(file >= 0, 6);
    uint64_t header = (sizeof(struct image) + PAGE - 1) / PAGE * PAGE;
    map_at(HEADER, HEADER + header, 1, 0, file, 0);
    require(image->magic == IMAGE_MAGIC && image->region_count <= MAX_REGIONS, 6);
    size_t used = keep_strings(envp, keep_strings(argv + 2, 0));
    uint64_t size = 0, here = kernels_start(&size);
    require(size == image->kernel_end - image->kernel_start, 7);
    move_kernels(here, ASIDE);
    clear();
    if (size != 0) move_kernels(ASIDE, image->kernel_start);
    map_regions(file);
    *(uint64_t *)image->mailbox = used;
    for (size_t i = 0; i < used; i++) ((char *)image->mailbox)[sizeof(uint64_t) + i] = mail[i];
    CALL(__NR_close, file);
    for (uint32_t i = 0; i < image->descriptor_count && i < MAX_DESCRIPTORS; i++) open_again(&image->descriptors[i]);
    tell_kernel();
    resume(&image->context);
}
