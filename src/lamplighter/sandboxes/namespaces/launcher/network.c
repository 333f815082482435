/* The sandbox's network: loopback only, with the Runtime API's listener on it. */
#include "launcher.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void raise_loopback(void) {
    int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0) fail("socket");
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    memcpy(request.ifr_name, "lo", 3);
    /* JUSTIFICATION: a new network namespace starts with its loopback down, and the Runtime API is reached over it.
     * SAFETY: needs CAP_NET_ADMIN over this namespace only; it holds no other device, so nothing else is reachable. */
    if (ioctl(probe, SIOCSIFFLAGS, &request) < 0) fail("loopback up");
    close(probe);
}

int open_runtime_api(void) {
    raise_loopback();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) fail("socket");
    uint16_t port = defended("net") ? RUNTIME_API_PORT : 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) fail("SO_REUSEADDR");
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0) fail("bind 127.0.0.1:%d", RUNTIME_API_PORT);
    if (listen(listener, 128) < 0) fail("listen");
    return listener;
}
