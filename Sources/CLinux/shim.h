// What Swift's Glibc module leaves out of Linux, or cannot call: epoll, eventfd, signalfd, accept4, O_DIRECT, and the
// functions with variable arguments. Scalars in, scalars out: every helper answers -errno on failure.
// _GNU_SOURCE stays undefined: glibc's types would then differ from those of Swift's own Glibc module.
#ifndef CHARTLOG_CLINUX_H
#define CHARTLOG_CLINUX_H
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pipe2(int[2], int);
extern int pthread_setname_np(pthread_t, const char *);
extern int sync_file_range(int, off_t, off_t, unsigned int);

#if defined(__x86_64__) || defined(__i386__)
#define CLINUX_O_DIRECT 040000
#else
#define CLINUX_O_DIRECT 0200000
#endif

// Files

enum { CLINUX_READ = 0, CLINUX_READ_WRITE = 1, CLINUX_CREATE = 2, CLINUX_DIRECTORY = 3, CLINUX_DIRECT = 4,
       CLINUX_REPLACE = 5, CLINUX_APPEND = 6, CLINUX_DIRECT_WRITE = 7, CLINUX_READ_FILE = 8,
       CLINUX_DIRECTORY_ITSELF = 9 };

/// Opens `path` under `directory` (-1: as it stands) in one of the ways above. A new file has mode 0600.
static inline int clinux_open(int directory, const char *path, int way) {
    int flags = O_CLOEXEC;
    switch (way) {
    // A pipe that somebody put in a file's place is opened at once, and is empty.
    case CLINUX_READ_FILE: flags |= O_RDONLY | O_NONBLOCK; break;
    case CLINUX_DIRECT: flags |= O_RDONLY | O_NONBLOCK | CLINUX_O_DIRECT; break;
    case CLINUX_READ: flags |= O_RDONLY; break;
    case CLINUX_READ_WRITE: flags |= O_RDWR; break;
    case CLINUX_CREATE: flags |= O_RDWR | O_CREAT | O_EXCL; break;
    case CLINUX_DIRECTORY: flags |= O_RDONLY | O_DIRECTORY; break;
    case CLINUX_DIRECTORY_ITSELF: flags |= O_RDONLY | O_DIRECTORY | O_NOFOLLOW; break;
    case CLINUX_DIRECT_WRITE: flags |= O_WRONLY | CLINUX_O_DIRECT; break;
    case CLINUX_REPLACE: flags |= O_WRONLY | O_CREAT | O_TRUNC; break;
    case CLINUX_APPEND: flags |= O_WRONLY | O_CREAT | O_APPEND; break;
    default: return -EINVAL;
    }
    int descriptor;
    do descriptor = openat(directory < 0 ? AT_FDCWD : directory, path, flags, 0600);
    while (descriptor < 0 && errno == EINTR);
    return descriptor < 0 ? -errno : descriptor;
}

static inline ssize_t clinux_pread(int descriptor, void *into, size_t count, off_t offset) {
    ssize_t got;
    do got = pread(descriptor, into, count, offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static inline ssize_t clinux_pwrite(int descriptor, const void *from, size_t count, off_t offset) {
    ssize_t put;
    do put = pwrite(descriptor, from, count, offset);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static inline ssize_t clinux_read(int descriptor, void *into, size_t count) {
    ssize_t got;
    do got = read(descriptor, into, count);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static inline ssize_t clinux_write(int descriptor, const void *from, size_t count) {
    ssize_t put;
    do put = write(descriptor, from, count);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static inline int64_t clinux_size(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) < 0 ? -errno : (int64_t)status.st_size;
}

/// Permission bits with the file type, of `path` under `directory`.
static inline int64_t clinux_mode(int directory, const char *path) {
    struct stat status;
    return fstatat(directory < 0 ? AT_FDCWD : directory, path, &status, 0) < 0 ? -errno : (int64_t)status.st_mode;
}

/// What stands at a path itself, not where a link leads: 1 a link, 2 a directory, 0 anything else.
static inline int clinux_kind(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0) return -errno;
    return S_ISLNK(status.st_mode) ? 1 : S_ISDIR(status.st_mode) ? 2 : 0;
}

static inline int64_t clinux_free_space(int descriptor) {
    struct statvfs status;
    if (fstatvfs(descriptor, &status) < 0) return -errno;
    return (int64_t)status.f_bavail * (int64_t)status.f_frsize;
}

static inline int clinux_truncate(int descriptor, off_t size) {
    int result;
    do result = ftruncate(descriptor, size);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

// A failed sync is never tried again: the page cache may have dropped what it could not write.
static inline int clinux_datasync(int descriptor) { return fdatasync(descriptor) < 0 ? -errno : 0; }
static inline int clinux_sync(int descriptor) { return fsync(descriptor) < 0 ? -errno : 0; }
// Begins to write what is dirty, and waits for none of it: what fails is told to the next sync.
static inline void clinux_begin_sync(int descriptor, off_t offset, off_t count) {
    (void)sync_file_range(descriptor, offset, count, 2 /* SYNC_FILE_RANGE_WRITE */);
}
static inline int clinux_forget(int descriptor, off_t offset, off_t count) {
    return -posix_fadvise(descriptor, offset, count, POSIX_FADV_DONTNEED);
}
static inline int clinux_rename(int directory, const char *source, const char *target) {
    return renameat(directory, source, directory, target) < 0 ? -errno : 0;
}
static inline int clinux_remove(int directory, const char *path) {
    return unlinkat(directory < 0 ? AT_FDCWD : directory, path, 0) < 0 ? -errno : 0;
}
static inline int clinux_remove_directory(int directory, const char *path) {
    return unlinkat(directory < 0 ? AT_FDCWD : directory, path, AT_REMOVEDIR) < 0 ? -errno : 0;
}
static inline int clinux_make_directory(int directory, const char *path) {
    return mkdirat(directory < 0 ? AT_FDCWD : directory, path, 0700) < 0 ? -errno : 0;
}
static inline int clinux_close(int descriptor) { return close(descriptor) < 0 ? -errno : 0; }
/// An advisory lock that ends with the last holder of the open file (flock): 0, or -EAGAIN when another open file has
/// it. Not fcntl's, which any other close of the file in this process would give up.
static inline int clinux_lock(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) < 0 ? -errno : 0; }

// Waiting

static inline int clinux_epoll_create(void) {
    int descriptor = epoll_create1(EPOLL_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

static inline int clinux_epoll_control(int poller, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.u64 = token;
    return epoll_ctl(poller, operation, descriptor, &event) < 0 ? -errno : 0;
}

/// At most 256 events; -EINTR counts as none.
static inline int clinux_epoll_wait(int poller, uint32_t *events, uint64_t *tokens, int most, int milliseconds) {
    struct epoll_event happened[256];
    if (most > 256) most = 256;
    int count = epoll_wait(poller, happened, most, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int index = 0; index < count; index += 1) {
        events[index] = happened[index].events;
        tokens[index] = happened[index].data.u64;
    }
    return count;
}

static inline int clinux_eventfd(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

static inline void clinux_event_ring(int descriptor) {
    uint64_t one = 1;
    ssize_t ignored = write(descriptor, &one, sizeof one);
    (void)ignored;
}

static inline void clinux_event_clear(int descriptor) {
    uint64_t count;
    ssize_t ignored = read(descriptor, &count, sizeof count);
    (void)ignored;
}

/// 1 when readable (`writing` 1: writable, 2: either) or broken, 0 when the time is up. Interruptions shorten the wait.
static inline int clinux_poll(int descriptor, int writing, int milliseconds) {
    struct pollfd wait;
    wait.fd = descriptor;
    wait.events = writing == 2 ? POLLIN | POLLOUT : writing ? POLLOUT : POLLIN;
    wait.revents = 0;
    int count = poll(&wait, 1, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    return count > 0 ? 1 : 0;
}

static inline int64_t clinux_clock(int clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) return 0;
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
static inline int64_t clinux_clock_boot(void) { return clinux_clock(CLOCK_BOOTTIME); }
static inline int64_t clinux_clock_wall(void) { return clinux_clock(CLOCK_REALTIME); }

static inline void clinux_pause(int64_t milliseconds) {
    struct timespec rest = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    nanosleep(&rest, NULL);
}

static inline int clinux_pipe(int *reading, int *writing) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    *reading = ends[0];
    *writing = ends[1];
    return 0;
}

static inline int clinux_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return 0;
}

// Signals and the process

/// Blocks SIGTERM, SIGINT and SIGCHLD in this thread and those it starts, and gives a descriptor that tells of them.
static inline int clinux_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (failed != 0) return -failed;
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

/// The next signal told by the descriptor, 0 when there is none.
static inline int clinux_next_signal(int descriptor) {
    struct signalfd_siginfo info;
    ssize_t got = read(descriptor, &info, sizeof info);
    return got == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

/// Fatal signals kill at once and silently, SIGPIPE is an errno, no core is written, nobody may attach or read memory.
static inline int clinux_hygiene(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGQUIT};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (size_t index = 0; index < sizeof fatal / sizeof fatal[0]; index += 1)
        if (sigaction(fatal[index], &action, NULL) < 0) return -errno;
    action.sa_handler = SIG_IGN;
    if (sigaction(SIGPIPE, &action, NULL) < 0) return -errno;
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0) return -errno;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
    return 0;
}

static inline int clinux_core_limit_is_zero(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0;
}
static inline int clinux_is_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }
/// Few arenas and a fixed threshold for large blocks, so that what is freed is used again or given back.
static inline void clinux_thrifty_memory(void) {
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
}
/// Gives back to the system what is free.
static inline void clinux_trim_memory(void) { malloc_trim(0); }
static inline int clinux_lock_memory(void) { return mlockall(MCL_CURRENT | MCL_FUTURE) < 0 ? -errno : 0; }

/// Raises the soft limit of open descriptors to the hard one.
static inline int64_t clinux_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    return (int64_t)limit.rlim_cur;
}

/// Starts `path` with default signals, none blocked, in its own process group; `output`, `complaints` and `line` become
/// its descriptors 1, 2 and 3 (-1: /dev/null, as output, and none). Answers the process id.
static inline int clinux_spawn(
    const char *path, char *const *arguments, char *const *environment, int output, int complaints, int line) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t process = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (output >= 0) {
        posix_spawn_file_actions_adddup2(&actions, output, 1);
        posix_spawn_file_actions_adddup2(&actions, complaints >= 0 ? complaints : output, 2);
    } else {
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
    }
    if (line >= 0) posix_spawn_file_actions_adddup2(&actions, line, 3);
    int failed = posix_spawn(&process, path, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed != 0 ? -failed : process;
}

/// The next child that ended: its id, and its exit code (128 + signal when killed); 0 when none has.
static inline int clinux_reap(int process, int *code) {
    int status = 0;
    pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended < 0) return -errno;
    if (ended == 0) return 0;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ended;
}

/// The path of the program that runs, without a final zero.
static inline ssize_t clinux_executable(void *into, size_t count) {
    ssize_t got = readlink("/proc/self/exe", (char *)into, count);
    return got < 0 ? -errno : got;
}

static inline int clinux_name_thread(const char *name) { return -pthread_setname_np(pthread_self(), name); }

// Sockets (IPv4 and IPv6 over TCP)

/// A listening socket at a numeric address; answers the descriptor.
static inline int clinux_listen(const char *address, const char *port, int backlog) {
    struct addrinfo hints, *found = NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    if (getaddrinfo(address, port, &hints, &found) != 0 || found == NULL) return -EINVAL;
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = descriptor < 0 ? errno : 0;
    int one = 1;
    if (!failed && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) failed = errno;
    if (!failed && bind(descriptor, found->ai_addr, found->ai_addrlen) < 0) failed = errno;
    if (!failed && listen(descriptor, backlog) < 0) failed = errno;
    freeaddrinfo(found);
    if (!failed) return descriptor;
    if (descriptor >= 0) close(descriptor);
    return -failed;
}

/// The numeric text of an address, at most 46 bytes with the final zero.
static inline void clinux_address_text(const struct sockaddr_storage *from, char *text, size_t count) {
    text[0] = 0;
    if (from->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)from)->sin_addr, text, (socklen_t)count);
    } else if (from->ss_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)from)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(six)) inet_ntop(AF_INET, six->s6_addr + 12, text, (socklen_t)count);
        else inet_ntop(AF_INET6, six, text, (socklen_t)count);
    }
}

static inline int clinux_accept(int listener, char *address, size_t count) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    int descriptor;
    do descriptor = accept4(listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) return -errno;
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    clinux_address_text(&from, address, count);
    return descriptor;
}

/// The port a socket is bound to.
static inline int clinux_port(int descriptor) {
    struct sockaddr_storage at;
    socklen_t length = sizeof at;
    if (getsockname(descriptor, (struct sockaddr *)&at, &length) < 0) return -errno;
    if (at.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&at)->sin_port);
    if (at.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&at)->sin6_port);
    return -EINVAL;
}

/// Gives a connection up when what was sent is not acknowledged for so long, or, when nothing is sent, when the other
/// side's machine answers no probe for three seconds.
static inline int clinux_give_up_after(int descriptor, int milliseconds) {
    unsigned int limit = (unsigned int)milliseconds;
    int one = 1, three = 3;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit) < 0) return -errno;
    if (setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) < 0) return -errno;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one) < 0) return -errno;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof one) < 0) return -errno;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &three, sizeof three) < 0) return -errno;
    return 0;
}

/// Begins to connect without waiting, to the `choice`-th address of the name: a descriptor, or -errno;
/// -EADDRNOTAVAIL when the name has no such address. A numeric one is never looked up.
static inline int clinux_connect(const char *host, const char *port, int choice, int is_numeric) {
    struct addrinfo hints, *found = NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (is_numeric ? AI_NUMERICHOST : 0);
    if (getaddrinfo(host, port, &hints, &found) != 0) return -EADDRNOTAVAIL;
    struct addrinfo *next = found;
    for (int index = 0; index < choice && next != NULL; index += 1) next = next->ai_next;
    if (next == NULL) {
        if (found != NULL) freeaddrinfo(found);
        return -EADDRNOTAVAIL;
    }
    int descriptor = socket(next->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = descriptor < 0 ? errno : 0;
    int one = 1;
    if (!failed) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!failed && connect(descriptor, next->ai_addr, next->ai_addrlen) < 0 && errno != EINPROGRESS) failed = errno;
    freeaddrinfo(found);
    if (!failed) return descriptor;
    if (descriptor >= 0) close(descriptor);
    return -failed;
}

/// What became of a connection begun: 0, or -errno.
static inline int clinux_connect_result(int descriptor) {
    int result = 0;
    socklen_t length = sizeof result;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &result, &length) < 0) return -errno;
    return -result;
}

static inline ssize_t clinux_receive(int descriptor, void *into, size_t count) {
    ssize_t got;
    do got = recv(descriptor, into, count, 0);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static inline ssize_t clinux_send(int descriptor, const void *from, size_t count) {
    ssize_t put;
    do put = send(descriptor, from, count, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static inline int clinux_shutdown_writing(int descriptor) { return shutdown(descriptor, SHUT_WR) < 0 ? -errno : 0; }
#endif
