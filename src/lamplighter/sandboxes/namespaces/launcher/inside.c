/* The inner process: pid 1 of the sandbox. It prepares what every sandbox needs, waits as a blank for a plan, builds the
 * root filesystem and gives up its power, in this order.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { FUNCTION_UID = 993, FUNCTION_GID = 990 }; /* sbx_user1051 of Lambda */

static void sort(int *numbers, int count) {
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && numbers[j - 1] > numbers[j]; j--) {
            int larger = numbers[j - 1];
            numbers[j - 1] = numbers[j], numbers[j] = larger;
        }
}

static void close_others(int *kept, int count) {
    unsigned first = 0;
    if (!defended("close")) return;
    sort(kept, count);
    for (int i = 0; i < count; i++) {
        if (kept[i] < 0) continue;
        if ((unsigned)kept[i] > first) syscall(SYS_close_range, first, (unsigned)kept[i] - 1, 0);
        first = (unsigned)kept[i] + 1;
    }
    syscall(SYS_close_range, first, ~0U, 0);
    /* So that no later descriptor takes the place of a standard stream. */
    for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd < 2; fd = open("/dev/null", O_RDWR)) continue;
}

/* What does not depend on the plan. */
static int prepare(struct birth *birth, struct prepared *prepared) {
    /* Dies with the spawner; set again after every change of credentials, which clears it. Should the spawner be gone
     * already, its end of the birth socket is closed, and nobody adopts this process. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("PR_SET_PDEATHSIG");
    if (birth->is_root)
        birth->users_fd = take_user_namespace(birth, FUNCTION_UID, FUNCTION_GID);
    else
        map_own_ids(birth->host_uid, birth->host_gid, FUNCTION_UID, FUNCTION_GID);
    int listener = open_runtime_api();
    prepare_mounts(birth, prepared);
    if (birth->is_root) wait_for_outer(birth);
    report(-1, "blank", "%s", "");
    return listener;
}

/* Waits for the server's control socket, takes the plan that lies in it, and returns the output pipe. With them comes
 * the gateway's network namespace, if the sandbox has a way out. */
static int adopt(struct plan *plan, int *gateway) {
    static char text[MESSAGE_BYTES]; /* the plan's strings outlive the message */
    struct fields fields;
    int passed[3]; /* the server's control socket, the output pipe, the gateway */
    if (!receive(control_fd, &fields, passed, 3)) _exit(0); /* never adopted: the spawner is gone */
    close(control_fd);
    control_fd = passed[0];
    if (control_fd < 0 || passed[1] < 0) _exit(1);
    if (!receive(control_fd, &fields, NULL, 0)) _exit(0);
    size_t length = (size_t)(fields.end - fields.next);
    memcpy(text, fields.next, length);
    fields.next = text, fields.end = text + length;
    if (strcmp(need_field(&fields), "build") != 0) fail("the first message must be a plan");
    read_plan(&fields, plan);
    *gateway = passed[2];
    return passed[1];
}

static void give_up_power(const struct birth *birth, const struct plan *plan) {
    if (defended("power") && defended("users")) enter_user_namespace(birth, plan);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) fail("PR_SET_PDEATHSIG");
    drop_bounding_set();
    keep_init_capabilities(birth->is_root);
    if (defended("nnp") && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("PR_SET_NO_NEW_PRIVS");
    if (prctl(PR_SET_DUMPABLE, defended("dumpable") ? 0 : 1, 0, 0, 0) < 0) fail("PR_SET_DUMPABLE");
    if (defended("filter")) install_seccomp();
}

noreturn void live_inside(struct birth *birth) {
    static struct plan plan = {.uid = FUNCTION_UID, .gid = FUNCTION_GID};
    struct prepared prepared;
    int kept[] = {control_fd, birth->unshared[0], birth->unshared[1], birth->mapped[0], birth->mapped[1]};
    close_others(kept, sizeof(kept) / sizeof(kept[0]));
    int listener = prepare(birth, &prepared);
    int gateway, output = adopt(&plan, &gateway);
    if (plan.device != NULL) connect_network(&plan, gateway);
    if (gateway >= 0) close(gateway);
    if (defended("uts") && sethostname(plan.hostname, strlen(plan.hostname)) < 0) fail("sethostname");
    /* So that the function may open /dev/stdout, which is this pipe, again. */
    unsigned owner = birth->is_root ? birth->host_uid + 1 : FUNCTION_UID;
    unsigned group = birth->is_root ? birth->host_gid + 1 : FUNCTION_GID;
    if (fchown(output, owner, group) < 0) fail("owner of the output pipe");
    const char *tmp = build_root(&plan, birth, &prepared);
    give_up_power(birth, &plan);
    report(listener, "ready", "%s", tmp);
    close(listener);
    run_init(&plan, output);
}
