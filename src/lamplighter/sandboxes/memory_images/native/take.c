/* Loaded into a program whose memory image is wanted. take_image() asks the Runtime API for restore/next, as a runtime
 * does that may be taken now, waits on 127.0.0.1:9002 for the server to fetch the image, describes the process and
 * writes it there. Like setjmp it returns twice: 0 in the process that was asked, 1 in every process that revive.c
 * makes of the image; below 0 when the process cannot be taken.
 *
 * It reads its own memory and nothing else, with no privilege; where a page cannot be read it writes zeroes.
 */
#include "bare.h"
#include "image.h"

enum {
    REFUSED_THREADS = -1,
    REFUSED_DESCRIPTOR = -2,
    REFUSED_MEMORY = -3,
    REFUSED_SOCKET = -4,
    CHUNK = 1 << 20,
    EFAULT_ = -14,
    EINTR_ = -4,
};

static struct image image;
static char maps[1 << 20];
static char zeroes[PAGE];

/* Everything of the compiler's own making must stay out of the way of the second return. */
__attribute__((noinline, returns_twice)) int save_context(struct context *context);

__asm__(
    ".text\n"
    ".hidden save_context\n"
    ".globl save_context\n"
    ".type save_context, @function\n"
    "save_context:\n"
    "    movq (%rsp), %rdx\n"
    "    movq %rdx, 0(%rdi)\n"
    "    leaq 8(%rsp), %rdx\n"
    "    movq %rdx, 8(%rdi)\n"
    "    movq %rbx, 16(%rdi)\n"
    "    movq %rbp, 24(%rdi)\n"
    "    movq %r12, 32(%rdi)\n"
    "    movq %r13, 40(%rdi)\n"
    "    movq %r14, 48(%rdi)\n"
    "    movq %r15, 56(%rdi)\n"
    "    stmxcsr 64(%rdi)\n"
    "    fnstcw 68(%rdi)\n"
    "    xorl %eax, %eax\n"
    "    ret\n");

/* --- what the kernel knows about the process ------------------------------------------------------------------ */

static void note_signals(void) {
    for (int number = 1; number <= SIGNALS; number++)
        CALL(__NR_rt_sigaction, number, 0, &image.actions[number - 1], 8);
    CALL(__NR_rt_sigprocmask, 0, 0, &image.blocked, 8);
    CALL(__NR_sigaltstack, 0, &image.signal_stack);
}

static void note_thread(uint64_t rseq, uint64_t rseq_bytes) {
    CALL(__NR_arch_prctl, 0x1003 /* ARCH_GET_FS */, &image.fs_base);
    CALL(__NR_prctl, 40 /* PR_GET_TID_ADDRESS */, &image.tid_address);
    CALL(__NR_get_robust_list, 0, &image.robust_list, &image.robust_bytes);
    image.rseq = rseq, image.rseq_bytes = rseq_bytes;
}

/* /proc/self/stat tells most of it, counted from 1: 26-28, 45-51. */
static bool note_memory_map(void) {
    static char text[4096];
    uint64_t fields[64] = {0};
    if (read_file("/proc/self/stat", text, sizeof(text)) < 0) return false;
    const char *at = text, *name_end = text;
    for (; *at != '\0'; at++)
        if (*at == ')') name_end = at;
    at = name_end + 2;
    for (int field = 3; *at != '\0' && field < 64; field++) {
        fields[field] = number_at(&at, 10);
        while (*at != ' ' && *at != '\0') at++;
        while (*at == ' ') at++;
    }
    struct memory_map *map = &image.map;
    map->start_code = fields[26], map->end_code = fields[27], map->start_stack = fields[28];
    map->start_data = fields[45], map->end_data = fields[46], map->start_brk = fields[47];
    map->arg_start = fields[48], map->arg_end = fields[49], map->env_start = fields[50], map->env_end = fields[51];
    map->brk = (uint64_t)CALL(__NR_brk, 0);
    map->exe_fd = ~0U;
    return map->start_code != 0;
}

/* --- descriptors and threads ---------------------------------------------------------------------------------- */

struct entry { /* struct linux_dirent64 */
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

static bool note_descriptor(int number) {
    static char link[64], target[PATH_BYTES];
    char *out = link;
    for (const char *in = "/proc/self/fd/"; *in != '\0'; in++) *out++ = *in;
    int digits = 1;
    for (int rest = number; rest >= 10; rest /= 10) digits++;
    out[digits] = '\0';
    for (int rest = number, i = digits - 1; i >= 0; i--, rest /= 10) out[i] = (char)('0' + rest % 10);
    long length = CALL(__NR_readlink, link, target, sizeof(target) - 1);
    if (length <= 0 || image.descriptor_count == MAX_DESCRIPTORS) return false;
    target[length] = '\0';
    struct descriptor *descriptor = &image.descriptors[image.descriptor_count++];
    descriptor->number = number;
    descriptor->flags = (int)CALL(__NR_fcntl, number, 3 /* F_GETFL */, 0);
    if (CALL(__NR_fcntl, number, 1 /* F_GETFD */, 0) & 1) descriptor->flags |= 02000000;
    for (size_t i = 0; i <= (size_t)length; i++) descriptor->path[i] = target[i];
    if (begins(target, "socket:"))
        descriptor->kind = SOCKET;
    else if (begins(target, "anon_inode:[eventfd]"))
        descriptor->kind = EVENT;
    else if (begins(target, "anon_inode:[eventpoll]"))
        descriptor->kind = POLL;
    else if (target[0] == '/') {
        descriptor->kind = REGULAR;
        long offset = CALL(__NR_lseek, number, 0, 1);
        descriptor->offset = offset < 0 ? 0 : (uint64_t)offset;
    } else
        return false; /* pipes and rarer things lead to somebody else */
    return true;
}

static int own_fds[3]; /* the call to the Runtime API, the way out, the directory that is being read */

static bool use_descriptor(int number) {
    bool is_own = number == own_fds[0] || number == own_fds[1] || number == own_fds[2];
    return number <= 2 || is_own || note_descriptor(number);
}

/* Calls `use` for every number in a directory of /proc; false as soon as it says so. */
static bool each_number(const char *path, bool (*use)(int)) {
    static char buffer[16384];
    long directory = CALL(__NR_open, path, 0200000 | 02000000 /* O_DIRECTORY | O_CLOEXEC */, 0);
    bool is_good = directory >= 0;
    own_fds[2] = (int)directory;
    for (;;) {
        long got = is_good ? CALL(__NR_getdents64, directory, buffer, sizeof(buffer)) : 0;
        if (got <= 0) break;
        for (long at = 0; at < got && is_good;) {
            struct entry *entry = (struct entry *)(buffer + at);
            const char *digits = entry->name;
            at += entry->bytes;
            if (*digits == '.') continue;
            is_good = use((int)number_at(&digits, 10));
        }
    }
    if (directory >= 0) CALL(__NR_close, directory);
    return is_good;
}

static bool is_own_thread(int number) { return number == (int)CALL(__NR_gettid, 0); }

/* --- memory --------------------------------------------------------------------------------------------------- */

static bool add_region(const struct mapping *mapping, uint64_t *offset) {
    if (image.region_count == MAX_REGIONS) return false;
    struct region *region = &image.regions[image.region_count++];
    region->start = mapping->start, region->end = mapping->end, region->protection = mapping->protection;
    bool is_read = (mapping->protection & 1) != 0;
    region->kind = begins(mapping->name, "[stack]") ? STACK : is_read ? CONTENT : EMPTY;
    region->offset = *offset;
    if (region->kind != EMPTY) *offset += region->end - region->start;
    return true;
}

static bool note_memory(void) {
    struct mapping mapping;
    uint64_t offset = image.header_bytes;
    if (read_file("/proc/self/maps", maps, sizeof(maps)) < 0) return false;
    for (const char *at = maps; next_mapping(&at, &mapping);) {
        if (begins(mapping.name, "[vsyscall]")) continue;
        if (is_kernels(&mapping)) {
            if (image.kernel_start == 0) image.kernel_start = mapping.start;
            image.kernel_end = mapping.end;
        } else if (mapping.is_shared && (mapping.protection & 2) != 0) {
            return false; /* shared with somebody who will not be there */
        } else if (!add_region(&mapping, &offset))
            return false;
    }
    return true;
}

static bool send_all(int socket, const char *bytes, uint64_t length) {
    while (length > 0) {
        long sent = CALL(__NR_write, socket, bytes, length < CHUNK ? length : CHUNK);
        if (sent == EINTR_) continue;
        if (sent == EFAULT_) { /* beyond the end of a mapped file */
            if (!send_all(socket, zeroes, PAGE)) return false;
            sent = PAGE;
        }
        if (sent <= 0) return false;
        bytes += sent, length -= (uint64_t)sent;
    }
    return true;
}

/* A page may be cut by the end of a file: what was sent of it then is completed with zeroes. */
static bool send_region(int socket, const struct region *region) {
    for (uint64_t at = region->start; at < region->end;) {
        uint64_t length = region->end - at < CHUNK ? region->end - at : CHUNK;
        long sent = CALL(__NR_write, socket, at, length);
        if (sent == EINTR_) continue;
        if (sent == EFAULT_) {
            uint64_t rest = PAGE - at % PAGE;
            if (!send_all(socket, zeroes, rest)) return false;
            sent = (long)rest;
        }
        if (sent <= 0) return false;
        at += (uint64_t)sent;
    }
    return true;
}

static bool send_image(int socket) {
    if (!send_all(socket, (const char *)&image, image.header_bytes)) return false;
    for (uint32_t i = 0; i < image.region_count; i++)
        if (image.regions[i].kind != EMPTY && !send_region(socket, &image.regions[i])) return false;
    return true;
}

/* --- the way out ---------------------------------------------------------------------------------------------- */

struct address { /* struct sockaddr_in of 127.0.0.1 */
    uint16_t family, port;
    uint32_t host;
    char zero[8];
};

static struct address local(int port) {
    return (struct address){2, (uint16_t)(port >> 8 | (port & 255) << 8), 0x0100007f, {0}};
}

static int open_listener(void) {
    struct address address = local(IMAGE_PORT);
    int listener = (int)CALL(__NR_socket, 2, 1 | 02000000, 0), on = 1;
    if (listener < 0) return -1;
    CALL(__NR_setsockopt, listener, 1, 2, &on, sizeof(on));
    if (CALL(__NR_bind, listener, &address, sizeof(address)) == 0 && CALL(__NR_listen, listener, 1) == 0)
        return listener;
    CALL(__NR_close, listener);
    return -1;
}

/* The answer is for the processes of the image, which ask again; nobody reads this one. */
static int ask_for_restore(void) {
    static const char question[] = "GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n";
    struct address address = local(RUNTIME_API_PORT);
    int connection = (int)CALL(__NR_socket, 2, 1 | 02000000, 0);
    if (connection < 0) return -1;
    if (CALL(__NR_connect, connection, &address, sizeof(address)) == 0 &&
        send_all(connection, question, sizeof(question) - 1))
        return connection;
    CALL(__NR_close, connection);
    return -1;
}

static bool meet_server(void) {
    int listener = open_listener();
    if (listener < 0) return false;
    own_fds[0] = ask_for_restore();
    own_fds[1] = own_fds[0] < 0 ? -1 : (int)CALL(__NR_accept4, listener, 0, 0, 02000000);
    CALL(__NR_close, listener);
    return own_fds[1] >= 0;
}

static int describe(uint64_t rseq, uint64_t rseq_bytes) {
    image.header_bytes = (sizeof(image) + PAGE - 1) / PAGE * PAGE;
    image.region_count = image.descriptor_count = 0;
    image.kernel_start = image.kernel_end = 0;
    if (!each_number("/proc/self/task", is_own_thread)) return REFUSED_THREADS;
    if (!each_number("/proc/self/fd", use_descriptor)) return REFUSED_DESCRIPTOR;
    if (!note_memory_map()) return REFUSED_MEMORY;
    note_signals();
    note_thread(rseq, rseq_bytes);
    return note_memory() ? 0 : REFUSED_MEMORY;
}

/* `mailbox` gets the place of the arguments in the processes to come: their length in bytes, then the strings. */
int take_image(uint64_t rseq, uint64_t rseq_bytes, uint64_t *mailbox) {
    if (!meet_server()) return REFUSED_SOCKET;
    if (image.mailbox == 0) image.mailbox = (uint64_t)CALL(__NR_mmap, 0, MAILBOX_BYTES, 3, 0x22, -1, 0);
    *mailbox = image.mailbox;
    int outcome = describe(rseq, rseq_bytes);
    image.magic = outcome == 0 ? IMAGE_MAGIC : (uint64_t)(int64_t)outcome;
    if (outcome == 0 && save_context(&image.context) != 0) return 1;
    if (outcome == 0 && !send_image(own_fds[1])) outcome = REFUSED_SOCKET;
    if (outcome != 0) send_all(own_fds[1], (const char *)&image, 8);
    CALL(__NR_close, own_fds[1]);
    CALL(__NR_close, own_fds[0]);
    return outcome;
}
