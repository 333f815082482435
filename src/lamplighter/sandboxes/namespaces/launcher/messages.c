/* Messages on SOCK_SEQPACKET sockets: fields ended by NUL, descriptors passed along by SCM_RIGHTS. */
#include "launcher.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int control_fd = -1;

static char message[MESSAGE_BYTES];

static void take_descriptors(struct msghdr *header, int *passed, int wanted) {
    int count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        int *descriptors = (int *)(void *)CMSG_DATA(part);
        size_t here = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            if (count < wanted)
                passed[count++] = descriptors[i];
            else
                close(descriptors[i]);
        }
    }
}

bool receive(int fd, struct fields *fields, int *passed, int wanted) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * 8)];
        struct cmsghdr align;
    } ancillary;
    struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};
    struct msghdr header = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = ancillary.bytes,
        .msg_controllen = sizeof(ancillary.bytes),
    };
    for (int i = 0; i < wanted; i++) passed[i] = -1;
    ssize_t length;
    do length = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length <= 0) return false;
    take_descriptors(&header, passed, wanted);
    if ((header.msg_flags & MSG_TRUNC) != 0 || message[length - 1] != '\0') {
        errno = EMSGSIZE;
        fail("message to the sandbox is larger than %d bytes or not ended", MESSAGE_BYTES);
    }
    fields->next = message;
    fields->end = message + length;
    return true;
}

char *next_field(struct fields *fields) {
    if (fields->next >= fields->end) return NULL;
    char *field = fields->next;
    fields->next += strlen(field) + 1;
    return field;
}

char *need_field(struct fields *fields) {
    char *field = next_field(fields);
    if (field == NULL) {
        errno = EPROTO;
        fail("message to the sandbox ends too early");
    }
    return field;
}

long need_number(struct fields *fields) {
    char *text = need_field(fields), *end = NULL;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        errno = EPROTO;
        fail("not a number: %s", text);
    }
    return number;
}

static void send_message(const char *bytes, size_t length, int passed) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary = {0};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (passed >= 0) {
        header.msg_control = ancillary.bytes;
        header.msg_controllen = sizeof(ancillary.bytes);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(rights), &passed, sizeof(int));
    }
    while (sendmsg(control_fd, &header, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

static size_t compose(char *out, size_t size, const char *kind, const char *format, va_list values) {
    size_t head = strlen(kind) + 1;
    memcpy(out, kind, head);
    int tail = vsnprintf(out + head, size - head, format, values);
    size_t used = head + (tail < 0 ? 0 : (size_t)tail);
    return used < size ? used : size - 1; /* without the last NUL */
}

void report(int passed, const char *kind, const char *format, ...) {
    char out[1024];
    va_list values;
    va_start(values, format);
    size_t length = compose(out, sizeof(out), kind, format, values);
    va_end(values);
    send_message(out, length + 1, passed);
}

noreturn void fail(const char *format, ...) {
    int reason = errno;
    char out[1024];
    va_list values;
    va_start(values, format);
    size_t length = compose(out, sizeof(out), "failed", format, values);
    va_end(values);
    int more = snprintf(out + length, sizeof(out) - length, ": %s", strerror(reason));
    length += more < 0 ? 0 : (size_t)more;
    if (length >= sizeof(out)) length = sizeof(out) - 1;
    send_message(out, length + 1, -1);
    _exit(1);
}
