/* A runtime and its handler in C: answers every event with its text in capitals. POSIX and nothing else. */
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOT "/2018-06-01/runtime/invocation/"

static char buffer[1 << 20];

static int dial(const char *address) {
    char host[256], *port;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found;
    snprintf(host, sizeof host, "%s", address);
    port = strrchr(host, ':');
    *port++ = 0;
    if (getaddrinfo(host, port, &wanted, &found) != 0) exit(2);
    int fd = socket(found->ai_family, found->ai_socktype, 0);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) exit(3);
    freeaddrinfo(found);
    return fd;
}

/* Send a request on a connection of its own; returns all of the answer. */
static char *ask(const char *address, const char *request, size_t length) {
    int fd = dial(address);
    size_t have = 0;
    ssize_t got;
    while (length > 0) {
        if ((got = write(fd, request, length)) <= 0) exit(4);
        request += got;
        length -= got;
    }
    while ((got = read(fd, buffer + have, sizeof buffer - 1 - have)) > 0) have += got;
    close(fd);
    buffer[have] = 0;
    return buffer;
}

int main(void) {
    const char *address = getenv("AWS_LAMBDA_RUNTIME_API");
    static char request[1 << 20];
    if (strcmp(getenv("_HANDLER"), "fail") == 0) {
        const char *error = "{\"errorType\":\"App.NoModel\",\"errorMessage\":\"the model is missing\"}";
        int length = snprintf(request, sizeof request,
                              "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                              "Lambda-Runtime-Function-Error-Type: App.NoModel\r\nContent-Length: %zu\r\n\r\n%s",
                              address, strlen(error), error);
        ask(address, request, length);
        return 7;
    }
    for (;;) {
        char id[64] = "";
        int length = snprintf(request, sizeof request, "GET " ROOT "next HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", address);
        char *answer = ask(address, request, length);
        char *body = strstr(answer, "\r\n\r\n") + 4;
        for (char *line = answer; line < body; line = strstr(line, "\r\n") + 2)
            if (strncasecmp(line, "lambda-runtime-aws-request-id:", 30) == 0) sscanf(line + 30, " %63[^\r]", id);
        for (char *letter = body; *letter; letter++) *letter = toupper(*letter);
        length = snprintf(request, sizeof request,
                          "POST " ROOT "%s/response HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", id,
                          address, strlen(body), body);
        ask(address, request, length);
    }
}
