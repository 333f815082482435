/* pid 1 of the sandbox: starts processes when told to, passes signals on, reaps and reports. When the control socket
 * closes the server is gone, so it exits, and with it the kernel ends everything inside.
 *
 * It runs under the same seccomp filter as the function, has another user id, cannot be dumped or traced, and has no
 * capability but to change user and to signal.
 */
#include "launcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    long id; /* the server's number for the process; 0 = unused entry */
    pid_t pid;
} processes[MAX_PROCESSES];

static char *argv[MAX_STRINGS], *envp[MAX_STRINGS];

static pid_t pid_of(long id) {
    for (int i = 0; i < MAX_PROCESSES; i++)
        if (processes[i].id == id) return processes[i].pid;
    return 0;
}

static void remember(long id, pid_t pid) {
    for (int i = 0; i < MAX_PROCESSES; i++) {
        if (processes[i].id != 0) continue;
        processes[i].id = id, processes[i].pid = pid;
        return;
    }
    errno = E2BIG;
    fail("more than %d processes", MAX_PROCESSES);
}

static void read_strings(struct fields *fields, long count, char **strings) {
    long i = 0;
    if (count < 0 || count >= MAX_STRINGS) {
        errno = E2BIG;
        fail("too many arguments");
    }
    for (; i < count; i++) strings[i] = need_field(fields);
    strings[i] = NULL;
}

/* Opens a connection inside the sandbox's network and hands it to the server. It never waits: a listener that does not
 * accept would otherwise stop pid 1. */
static void open_connection(struct fields *fields) {
    long id = need_number(fields), port = need_number(fields);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int reason = connection < 0 ? errno : 0;
    if (reason == 0 && connect(connection, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
        reason = errno;
    report(reason == 0 ? connection : -1, "connected", "%ld %d", id, reason);
    if (connection >= 0) close(connection);
}

static void start(struct fields *fields, const struct plan *plan, int output_fd) {
    long id = need_number(fields);
    long arguments = need_number(fields), variables = need_number(fields);
    read_strings(fields, arguments, argv);
    read_strings(fields, variables, envp);
    int failure = 0;
    pid_t pid = arguments < 1 ? -1 : start_process(plan, output_fd, argv, envp, &failure);
    if (pid > 0 && failure != 0) waitpid(pid, NULL, 0);
    if (pid < 0 || failure != 0) {
        report(-1, "unstarted", "%ld %d", id, failure == 0 ? EINVAL : failure);
        return;
    }
    remember(id, pid);
    report(-1, "started", "%ld %d", id, pid);
}

static void obey(struct fields *fields, const struct plan *plan, int output_fd, int own_output_fd) {
    const char *order = need_field(fields);
    if (strcmp(order, "start") == 0) {
        start(fields, plan, own_output_fd >= 0 ? own_output_fd : output_fd);
    } else if (strcmp(order, "connect") == 0) {
        open_connection(fields);
    } else if (strcmp(order, "signal") == 0) {
        long id = need_number(fields), number = need_number(fields);
        pid_t pid = pid_of(id);
        if (pid > 0) kill(pid, (int)number);
    }
}

static void reap(void) {
    int status;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
        for (int i = 0; i < MAX_PROCESSES; i++) {
            if (processes[i].id == 0 || processes[i].pid != pid) continue;
            report(-1, "exited", "%ld %d", processes[i].id, status);
            processes[i].id = 0;
        }
    }
}

static void wake(int number) { (void)number; }

noreturn void run_init(const struct plan *plan, int output_fd) {
    sigset_t blocked, open_set;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &open_set);
    sigdelset(&open_set, SIGCHLD);
    struct sigaction on_child = {.sa_handler = wake, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &on_child, NULL);
    /* A server that has gone must not end pid 1 by SIGPIPE before it has seen the end of file: the same in effect. */
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        struct pollfd control = {.fd = control_fd, .events = POLLIN};
        int ready = ppoll(&control, 1, NULL, &open_set);
        reap();
        if (ready <= 0) continue;
        struct fields fields;
        int own_output_fd = -1;
        if (!receive(control_fd, &fields, &own_output_fd, 1)) _exit(0);
        obey(&fields, plan, output_fd, own_output_fd);
        if (own_output_fd >= 0) close(own_output_fd);
    }
}
