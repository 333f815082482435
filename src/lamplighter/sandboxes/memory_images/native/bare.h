/* System calls and the few functions on memory that a program without libc needs. */
#ifndef BARE_H
#define BARE_H

#include <asm/unistd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define CALL(number, ...) CALL_(number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(number, a, b, c, d, e, f, ...) \
    call6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length] != '\0') length++;
    return length;
}

static inline bool begins(const char *text, const char *start) {
    while (*start != '\0')
        if (*text++ != *start++) return false;
    return true;
}

static inline uint64_t number_at(const char **text, unsigned base) {
    uint64_t value = 0;
    for (;; (*text)++) {
        unsigned digit;
        if (**text >= '0' && **text <= '9')
            digit = (unsigned)(**text - '0');
        else if (base == 16 && **text >= 'a' && **text <= 'f')
            digit = (unsigned)(**text - 'a') + 10;
        else
            return value;
        value = value * base + digit;
    }
}

/* Reads a whole file of /proc into `buffer` and ends it with NUL; -1 when it does not fit or cannot be read. */
static inline long read_file(const char *path, char *buffer, size_t size) {
    long file = CALL(__NR_open, path, 02000000 /* O_CLOEXEC */, 0), used = 0;
    if (file < 0) return -1;
    while ((size_t)used < size - 1) {
        long got = CALL(__NR_read, file, buffer + used, size - 1 - (size_t)used);
        if (got <= 0) break;
        used += got;
    }
    CALL(__NR_close, file);
    buffer[used] = '\0';
    return (size_t)used == size - 1 ? -1 : used;
}

/* One line of /proc/self/maps. */
struct mapping {
    uint64_t start, end;
    uint32_t protection; /* PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */
    bool is_shared;
    const char *name; /* up to the end of its line */
};

static inline bool next_mapping(const char **text, struct mapping *mapping) {
    if (**text == '\0') return false;
    mapping->start = number_at(text, 16);
    ++*text;
    mapping->end = number_at(text, 16);
    ++*text;
    const char *marks = *text;
    mapping->protection = (marks[0] == 'r' ? 1U : 0U) | (marks[1] == 'w' ? 2U : 0U) | (marks[2] == 'x' ? 4U : 0U);
    mapping->is_shared = marks[3] == 's';
    const char *at = marks;
    for (int spaces = 0; spaces < 4 && *at != '\n'; at++) /* flags, offset, device, inode */
        if (*at == ' ') spaces++;
    while (*at == ' ') at++;
    mapping->name = at;
    while (*at != '\n' && *at != '\0') at++;
    *text = *at == '\n' ? at + 1 : at;
    return true;
}

static inline bool is_kernels(const struct mapping *mapping) {
    return begins(mapping->name, "[vdso]") || begins(mapping->name, "[vvar");
}

#endif
