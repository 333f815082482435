/* One process of the function: forked from pid 1, stripped of everything, then executed. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static bool limit(int what, long value) {
    struct rlimit now;
    if (getrlimit(what, &now) < 0) return false;
    rlim_t wanted = (rlim_t)value;
    if (now.rlim_max != RLIM_INFINITY && wanted > now.rlim_max) wanted = now.rlim_max;
    now.rlim_cur = now.rlim_max = wanted;
    return setrlimit(what, &now) == 0;
}

static bool set_limits(const struct plan *plan) {
    if (!defended("limits")) return true;
    /* A core limit of 1 byte writes no file and, unlike 0, keeps a core handler of the host from being fed. */
    return limit(RLIMIT_CORE, 1) && limit(RLIMIT_NOFILE, plan->open_files) && limit(RLIMIT_NPROC, plan->processes) &&
           limit(RLIMIT_MEMLOCK, 64 * 1024) && limit(RLIMIT_MSGQUEUE, 819200) && limit(RLIMIT_RTPRIO, 0) &&
           limit(RLIMIT_NICE, 0) && (plan->data_bytes == 0 || limit(RLIMIT_DATA, plan->data_bytes));
}

static bool become_function(const struct plan *plan) {
    if (!defended("power") || !defended("user")) return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
    /* The group list is empty already and, without root, may not be touched any more. */
    if (setresgid(plan->gid, plan->gid, plan->gid) < 0 || setresuid(plan->uid, plan->uid, plan->uid) < 0) return false;
    drop_all_capabilities();
    /* Cleared by the change of user: without it a killed pid 1 would leave the process running for a moment. */
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

static bool arrange_descriptors(int output_fd) {
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* Above 2 first, so that no dup2 overwrites a source. */
    int out = fcntl(output_fd, F_DUPFD_CLOEXEC, 10), in = fcntl(nothing, F_DUPFD_CLOEXEC, 10);
    return in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2;
}

static noreturn void run(const struct plan *plan, int output_fd, int failure_fd, char **argv, char **envp) {
    sigset_t none;
    /* Out of the way of 0, 1 and 2, which pid 1 does not have and the pipe may therefore have been given. */
    failure_fd = fcntl(failure_fd, F_DUPFD_CLOEXEC, 10);
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    bool is_set = sigprocmask(SIG_SETMASK, &none, NULL) == 0 && setsid() >= 0 && set_limits(plan) &&
                  become_function(plan) && arrange_descriptors(output_fd);
    umask(022);
    /* Everything but 0, 1, 2 and the failure pipe, which closes itself at exec. */
    if (defended("close") && failure_fd > 3) syscall(SYS_close_range, 3U, (unsigned)failure_fd - 1, 0);
    if (defended("close")) syscall(SYS_close_range, (unsigned)failure_fd + 1, ~0U, 0);
    if (is_set && chdir(plan->cwd) == 0) execve(argv[0], argv, envp);
    int reason = errno == 0 ? EPERM : errno;
    if (write(failure_fd, &reason, sizeof(reason)) < 0) _exit(126);
    _exit(127);
}

pid_t start_process(const struct plan *plan, int output_fd, char **argv, char **envp, int *failure) {
    int pipe_ends[2];
    *failure = 0;
    if (pipe2(pipe_ends, O_CLOEXEC) < 0) fail("pipe");
    pid_t child = fork();
    if (child == 0) run(plan, output_fd, pipe_ends[1], argv, envp);
    if (child < 0) *failure = errno;
    close(pipe_ends[1]);
    /* End of file when execve succeeded. */
    while (child > 0 && read(pipe_ends[0], failure, sizeof(*failure)) < 0 && errno == EINTR) {
    }
    close(pipe_ends[0]);
    return child;
}
