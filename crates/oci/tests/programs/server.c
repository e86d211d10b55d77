// A small HTTP server for the tests: `server BEHAVIOUR`, and for each request one behaviour per first word of its body.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char head[65536], *body;
static size_t body_size;
static long requests, ticks;
static int server;

static void send_all(int client, const void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(client, (const char *)bytes + at, size - at, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += sent;
    }
}

static void say(int client, const char *text) { send_all(client, text, strlen(text)); }

static void answer(int client, int status, const void *bytes, size_t size) {
    char line[128];
    snprintf(line, sizeof line, "HTTP/1.1 %d Whatever\r\ncontent-length: %zu\r\n\r\n", status, size);
    say(client, line);
    send_all(client, bytes, size);
}

static void answer_text(int client, const char *text) { answer(client, 200, text, strlen(text)); }

// Reads a head up to its blank line and the body that it announces; 0 if the client went away.
static int read_request(int client) {
    size_t size = 0;
    char *end = NULL;
    while (!end) {
        ssize_t count = recv(client, head + size, sizeof head - 1 - size, 0);
        if (count <= 0) return 0;
        size += count;
        head[size] = 0;
        end = strstr(head, "\r\n\r\n");
    }
    char *length = strcasestr(head, "content-length:");
    body_size = length ? strtoul(length + 15, NULL, 10) : 0;
    body = realloc(body, body_size + 1);
    size_t have = size - (end + 4 - head);
    memcpy(body, end + 4, have);
    end[2] = 0;
    while (have < body_size) {
        ssize_t count = recv(client, body + have, body_size - have, 0);
        if (count <= 0) return 0;
        have += count;
    }
    body[body_size] = 0;
    return 1;
}

static long monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void moment(int client) {
    unsigned drawn = 0, device = 0;
    char text[256];
    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn) abort();
    int file = open("/dev/urandom", O_RDONLY);
    if (read(file, &device, sizeof device) != sizeof device) abort();
    close(file);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(text, sizeof text, "%ld.%09ld %ld %08x %08x", now.tv_sec, now.tv_nsec, time(NULL), drawn, device);
    answer_text(client, text);
}

static void serve_one(int client) {
    char word[32] = "", text[256];
    long number = 0;
    if (!read_request(client)) return;
    requests++;
    sscanf(body, "%31s %ld", word, &number);
    if (!strcmp(word, "echo")) return answer(client, 200, body, body_size);
    if (!strcmp(word, "head")) return answer_text(client, head);
    if (!strcmp(word, "moment")) return moment(client);
    if (!strcmp(word, "status")) return answer(client, number, "why", 3);
    if (!strcmp(word, "garbage")) return say(client, "this is not HTTP\r\n\r\n");
    if (!strcmp(word, "half")) return say(client, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive!");
    if (!strcmp(word, "lengthless")) return say(client, "HTTP/1.1 200 OK\r\n\r\nmaybe all");
    if (!strcmp(word, "chunks"))
        return say(client, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    if (!strcmp(word, "half-chunks"))
        return say(client, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    if (!strcmp(word, "long-head")) {
        say(client, "HTTP/1.1 200 OK\r\nx: ");
        for (int i = 0; i < 200000; i++) send_all(client, "xxxxxxxxxx", 10);
        return;
    }
    if (!strcmp(word, "silence")) return;
    if (!strcmp(word, "flood")) {
        char *bytes = calloc(1, number);
        return answer(client, 200, bytes, number);
    }
    if (!strcmp(word, "state")) {
        snprintf(text, sizeof text, "requests %ld ticks %ld monotonic %ld", requests, ticks, monotonic());
        return answer_text(client, text);
    }
    if (!strcmp(word, "sleep")) {
        time_t start = time(NULL);
        sleep(number);
        snprintf(text, sizeof text, "slept %ld", (long)(time(NULL) - start));
        return answer_text(client, text);
    }
    if (!strcmp(word, "slow-reader")) {
        // Longer asleep than the client needs to send: it must not show.
        struct pollfd never = {.fd = -1};
        poll(&never, 1, number);
        return answer_text(client, "read");
    }
    if (!strcmp(word, "talk")) {
        for (int i = 0; i < 10000; i++) fprintf(stderr, "%ld words that nobody wants to hear\n", (long)i);
        return answer_text(client, "talked");
    }
    if (!strcmp(word, "deafen")) {
        close(server);
        server = open("/dev/null", O_RDONLY);
        return answer_text(client, "gone deaf");
    }
    if (!strcmp(word, "exit")) exit(number);
    if (!strcmp(word, "last-words")) {
        answer_text(client, "last words");
        _exit(0);
    }
    if (!strcmp(word, "crash")) *(volatile int *)0 = 1;
    if (!strcmp(word, "hang"))
        for (volatile int i = 0;; i++) {}
    if (!strcmp(word, "bomb"))
        for (;;) memset(malloc(1 << 20), 1, 1 << 20);
    if (!strcmp(word, "bomb-in-child")) {
        int status;
        if (fork() == 0)
            for (;;) memset(malloc(1 << 20), 1, 1 << 20);
        wait(&status);
        return answer_text(client, "the child is dead");
    }
    if (!strcmp(word, "orphan")) {
        if (fork() == 0)
            for (;;) pause();
        return answer_text(client, "left one behind");
    }
    if (!strcmp(word, "connect")) {
        char address[64] = "";
        struct sockaddr_in to = {.sin_family = AF_INET};
        unsigned port = 0;
        sscanf(body, "%*s %63s %u", address, &port);
        inet_pton(AF_INET, address, &to.sin_addr);
        to.sin_port = htons(port);
        int file = socket(AF_INET, SOCK_STREAM, 0);
        int failed = connect(file, (struct sockaddr *)&to, sizeof to);
        const char *result = failed ? strerror(errno) : "connected";
        close(file);
        return answer_text(client, result);
    }
    answer(client, 404, "", 0);
}

static int listen_at(int family, int port) {
    int file = socket(family, SOCK_STREAM, 0), yes = 1;
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    void *address = family == AF_INET ? (void *)&four : (void *)&six;
    if (bind(file, address, family == AF_INET ? sizeof four : sizeof six) || listen(file, 16)) {
        perror("listen");
        exit(9);
    }
    return file;
}

int main(int argc, char **argv) {
    const char *behaviour = argc > 1 ? argv[1] : "serve";
    if (!strcmp(behaviour, "leave")) {
        fprintf(stderr, "nothing to do here\n");
        return 3;
    }
    if (!strcmp(behaviour, "deaf"))
        for (;;) pause();
    if (!strcmp(behaviour, "late")) sleep(3600);
    if (!strcmp(behaviour, "once") && access("/tmp/been", F_OK) == 0) return 4;
    fprintf(stderr, "port %s at %ld\n", getenv("PORT"), time(NULL));
    server = listen_at(strcmp(behaviour, "six") ? AF_INET : AF_INET6, atoi(getenv("PORT")));
    for (;;) {
        // As servers with a shutdown flag do: the time that passes here is counted.
        struct pollfd ready = {.fd = server, .events = POLLIN};
        if (poll(&ready, 1, 500) == 0) {
            ticks++;
            continue;
        }
        int client = accept(server, NULL, NULL);
        if (client < 0) pause();
        serve_one(client);
        close(client);
    }
}
