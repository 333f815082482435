/* The sandbox's one device besides its loopback: a pair, one end here as eth0, the other in the gateway's namespace,
 * with an address and a route each. Spoken with the kernel over rtnetlink, because starting ip would cost more than
 * the whole sandbox.
 */
#include "launcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char DEVICE[] = "eth0";

struct request {
    struct nlmsghdr head;
    char rest[1024];
};

static void *begin(struct request *request, int type, int flags, size_t size) {
    memset(request, 0, sizeof(*request));
    request->head.nlmsg_type = (uint16_t)type;
    request->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    request->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
    return NLMSG_DATA(&request->head);
}

static struct rtattr *append(struct request *request, int type, const void *data, size_t size) {
    struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));
    attribute->rta_type = (uint16_t)type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(attribute), data, size);
    request->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
    return attribute;
}

/* What is appended until then lies inside `attribute`. */
static void end_nest(const struct request *request, struct rtattr *attribute) {
    attribute->rta_len = (uint16_t)((const char *)request + request->head.nlmsg_len - (const char *)attribute);
}

static void ask(int kernel, struct request *request, const char *what) {
    struct {
        struct nlmsghdr head;
        struct nlmsgerr answer;
        char rest[1024];
    } reply;
    if (send(kernel, request, request->head.nlmsg_len, 0) < 0 || recv(kernel, &reply, sizeof(reply), 0) < 0)
        fail("%s", what);
    errno = reply.head.nlmsg_type == NLMSG_ERROR ? -reply.answer.error : EPROTO;
    if (errno != 0) fail("%s", what);
}

static int open_kernel(void) {
    int kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (kernel < 0) fail("rtnetlink");
    return kernel;
}

static void make_pair(int kernel, const char *device, int here) {
    struct request request;
    struct ifinfomsg *link = begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*link));
    link->ifi_flags = link->ifi_change = IFF_UP;
    append(&request, IFLA_IFNAME, device, strlen(device) + 1);
    struct rtattr *info = append(&request, IFLA_LINKINFO, NULL, 0);
    append(&request, IFLA_INFO_KIND, "veth", 5);
    struct rtattr *data = append(&request, IFLA_INFO_DATA, NULL, 0);
    struct ifinfomsg nothing = {.ifi_family = AF_UNSPEC};
    struct rtattr *peer = append(&request, VETH_INFO_PEER, &nothing, sizeof(nothing));
    append(&request, IFLA_IFNAME, DEVICE, sizeof(DEVICE));
    append(&request, IFLA_NET_NS_FD, &here, sizeof(here));
    end_nest(&request, peer), end_nest(&request, data), end_nest(&request, info);
    ask(kernel, &request, "veth pair");
}

static void raise_device(int kernel, int index) {
    struct request request;
    struct ifinfomsg *link = begin(&request, RTM_NEWLINK, 0, sizeof(*link));
    link->ifi_index = index;
    link->ifi_flags = link->ifi_change = IFF_UP;
    ask(kernel, &request, "eth0 up");
}

static void add_address(int kernel, int index, struct in_addr address) {
    struct request request;
    struct ifaddrmsg *message = begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*message));
    message->ifa_family = AF_INET;
    message->ifa_prefixlen = 32;
    message->ifa_index = (unsigned)index;
    append(&request, IFA_LOCAL, &address, sizeof(address));
    append(&request, IFA_ADDRESS, &address, sizeof(address));
    ask(kernel, &request, "address of eth0");
}

/* A route to `to` (everything, if NULL) by way of `via` (directly, if NULL). */
static void add_route(int kernel, int index, const struct in_addr *to, const struct in_addr *via) {
    struct request request;
    struct rtmsg *route = begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*route));
    route->rtm_family = AF_INET;
    route->rtm_dst_len = to == NULL ? 0 : 32;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_BOOT;
    route->rtm_scope = via == NULL ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_UNICAST;
    if (to != NULL) append(&request, RTA_DST, to, sizeof(*to));
    if (via != NULL) append(&request, RTA_GATEWAY, via, sizeof(*via));
    append(&request, RTA_OIF, &index, sizeof(index));
    ask(kernel, &request, "route");
}

static int index_of(const char *device) {
    unsigned index = if_nametoindex(device);
    if (index == 0) fail("no device %s", device);
    return (int)index;
}

static void enter(int network) {
    /* JUSTIFICATION: a pair needs one foot in either namespace. SAFETY: to the gateway's, which the server handed over,
     * and back; this is before any foreign code runs, and the descriptors are closed when it does. */
    if (setns(network, CLONE_NEWNET) < 0) fail("enter a network namespace");
}

void connect_network(const struct plan *plan, int gateway) {
    struct in_addr address, router;
    if (inet_pton(AF_INET, plan->address, &address) != 1 || inet_pton(AF_INET, plan->router, &router) != 1) {
        errno = EINVAL;
        fail("addresses %s %s", plan->address, plan->router);
    }
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (here < 0) fail("open the network namespace");
    int inside = open_kernel();
    enter(gateway);
    int outside = open_kernel();
    make_pair(outside, plan->device, here);
    add_route(outside, index_of(plan->device), &address, NULL);
    enter(here);
    int index = index_of(DEVICE);
    raise_device(inside, index);
    add_address(inside, index, address);
    add_route(inside, index, &router, NULL);
    add_route(inside, index, NULL, &router);
    close(outside), close(inside), close(here);
}
