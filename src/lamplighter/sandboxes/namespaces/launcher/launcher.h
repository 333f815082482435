/* What the files of the launcher share.
 *
 * Each sandbox begins with two processes: the *outer* one, cloned by the nursery with the spawner's privileges,
 * attaches itself to the sandbox's cgroups, clones the *inner* one into new namespaces and exits. The inner one is
 * pid 1 of the sandbox for its whole life: it waits as a blank until it is adopted, builds the root filesystem, gives
 * up its power and then only starts and reaps processes.
 *
 * It must not know what a function or an invoke is. No memory is allocated anywhere: everything lives in static
 * buffers whose sizes bound what the server may ask for.
 */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

enum {
    MESSAGE_BYTES = 192 * 1024, /* below the default send buffer of a unix socket (212992) */
    MAX_STRINGS = 4096,         /* arguments or environment variables of one process */
    MAX_BINDS = 64,
    MAX_LAYERS = 64,
    MAX_PROCESSES = 64, /* processes the server may start in one sandbox: the runtime and its extensions */
    RUNTIME_API_PORT = 9001,
};

/* --- messages.c: fields ended by NUL, one message per SOCK_SEQPACKET packet ------------------------------------ */

struct fields {
    char *next, *end;
};

extern int control_fd; /* where failures and reports go: the birth socket at first, then the server's */

/* Reads one message; false at end of file. Up to `wanted` passed descriptors are stored in `passed` (-1 = none). */
bool receive(int fd, struct fields *fields, int *passed, int wanted);
/* The next field of the message, or NULL after the last one. */
char *next_field(struct fields *fields);
/* The next field, which must be there. */
char *need_field(struct fields *fields);
long need_number(struct fields *fields);
/* Sends `kind` and the formatted text as two fields; `passed` goes along unless it is -1. */
void report(int passed, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Reports "failed" with the text and the words for errno, and ends the process. */
noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- plan.c: what the server asked for ------------------------------------------------------------------------- */

struct bind {
    const char *source, *target;
    bool writable;
    bool is_shared; /* lives on when the sandbox is gone; its files belong to these ids on the disk */
    long uid, gid;
};

struct plan {
    const char *hostname, *root, *stubs, *cwd;
    const char *disk; /* image to copy for a /tmp on disk, or NULL */
    const char *device, *address, *router; /* the way out, or NULL: the device's other end, both ends' addresses */
    struct bind binds[MAX_BINDS];
    const char *layers[MAX_LAYERS]; /* topmost first */
    int bind_count, layer_count;
    long tmp_bytes, processes, open_files, data_bytes;
    unsigned uid, gid; /* of the function, as seen inside */
};

/* Takes the plan out of one "build" message; its strings point into the message's buffer. */
void read_plan(struct fields *fields, struct plan *plan);

/* --- birth.c, users.c, inside.c: the outer and the inner process ------------------------------------------------ */

struct birth {
    pid_t outer;
    bool is_root;      /* privileged: namespaces belong to the initial user namespace */
    unsigned host_uid; /* root mode: first of two host ids; else the caller's own */
    unsigned host_gid;
    const char *disk;                /* root mode: image of the usual /tmp, or NULL */
    int unshared[2], mapped[2];      /* root mode: pipes between the two while the user namespace is made */
    int users_fd;                    /* root mode: the user namespace to enter once everything is mounted */
};

void write_file(const char *path, const char *text);
/* Root mode, the outer process: becomes the user namespace until the inner one holds it, then exits. */
noreturn void become_user_namespace(const struct birth *birth);
/* Root mode, the inner process: maps 0 and the function's ids to the sandbox's host ids and holds the namespace. */
int take_user_namespace(const struct birth *birth, unsigned uid, unsigned gid);
void wait_for_outer(const struct birth *birth);
/* Rootless: maps the caller's own ids to `uid` and `gid` in the user namespace just entered. */
void map_own_ids(unsigned outer_uid, unsigned outer_gid, unsigned uid, unsigned gid);
noreturn void live_inside(struct birth *birth);

/* --- network.c, mounts.c, root.c, devices.c -------------------------------------------------------------------- */

int open_runtime_api(void); /* loopback up; returns the listener on 127.0.0.1:9001 */

/* link.c: eth0, the other end of which lies in the network namespace `gateway`. */
void connect_network(const struct plan *plan, int gateway);

uint64_t standing(uint64_t attributes); /* all of them, in the product */
int clone_tree(const char *source, uint64_t attributes);
void set_attributes(int tree, uint64_t attributes, const char *what);
void attach_tree(int tree, int root, const char *target);
int new_filesystem(const char *type, const char *const *options, uint64_t attributes);
int new_overlay(const char *const *lower, int count, bool is_root, uint64_t attributes);

struct prepared {
    int devices, proc; /* mount trees */
    int host_devices;  /* the host's /dev, which they cover */
    int disk;          /* a /tmp made from birth->disk, or -1 */
};

/* shares.c: the tree of a shared directory, its files the function's. */
int shared_tree(const struct bind *bind, const struct birth *birth);

/* A detached ext4 made from a copy of the image `template`; -1 where the machine cannot (errno says why). */
int make_disk(int host_devices, const char *template);

int prepare_devices(bool is_root);
int prepare_proc(int devices);
void prepare_mounts(const struct birth *birth, struct prepared *prepared);
/* Returns what /tmp lies on: "disk" or "memory". */
const char *build_root(const struct plan *plan, const struct birth *birth, const struct prepared *prepared);

/* --- privileges.c, seccomp.c, process.c, init.c ---------------------------------------------------------------- */

void enter_user_namespace(const struct birth *birth, const struct plan *plan);
void drop_bounding_set(void);
void drop_all_capabilities(void);
void keep_init_capabilities(bool is_root);
void install_seccomp(void);

/* Starts one process as the function's user; *failure gets the errno of a failed execve, else 0. */
pid_t start_process(const struct plan *plan, int output_fd, char **argv, char **envp, int *failure);

noreturn void run_init(const struct plan *plan, int output_fd);

int run_probe(void); /* probe.c */

/* --- weakened.c: the escape suite's own build can leave a defence out; in the product each one stands ------------- */

#ifdef LAMPLIGHTER_WEAKENED
bool defended(const char *defence);
void plant_leak(void);
#else
static inline bool defended(const char *defence) {
    (void)defence;
    return true;
}
static inline void plant_leak(void) {}
#endif

#endif
