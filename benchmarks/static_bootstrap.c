/* The smallest runtime: a static program that answers every event with the event. For scenario runtimes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static char head[65536];

/* Reads one answer into `head`, a zero after its body; returns the body. */
static char *receive(int connection) {
    size_t have = 0, want = 0;
    char *body = NULL;
    while (!body || have < want) {
        ssize_t got = read(connection, head + have, sizeof head - 1 - have);
        if (got <= 0) exit(1);
        have += (size_t)got;
        head[have] = 0;
        char *end = strstr(head, "\r\n\r\n");
        if (!body && end) {
            char *length = strcasestr(head, "\r\ncontent-length:");
            body = end + 4;
            want = (size_t)(body - head) + (length ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    return body;
}

int main(void) {
    char *port = strchr(getenv("AWS_LAMBDA_RUNTIME_API"), ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address)) return 1;
    for (;;) {
        static char answer[sizeof head + 256];
        dprintf(connection, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n");
        char *event = receive(connection);
        char *id = strcasestr(head, "\r\nlambda-runtime-aws-request-id:") + 32;
        id += strspn(id, " ");
        int length = snprintf(answer, sizeof answer,
            "POST /2018-06-01/runtime/invocation/%.36s/response HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
            id, strlen(event), event);
        if (write(connection, answer, (size_t)length) != length) return 1;
        receive(connection);
    }
}
