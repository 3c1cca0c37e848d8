/* Loaded into every process of a campaign (LD_PRELOAD): a machine whose wall clock can be set, and whose current can be cut.

   FAULTS_CLOCK   a file of eight bytes, the seconds by which the wall clock is wrong; the monotonic clock goes on undisturbed
   FAULTS_UNDO    a folder that keeps, for each ledger and append-only file, what was overwritten since its last fsync

   A power cut takes back whatever was written since the last fsync: machine.py applies what lies in the folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct undo { uint64_t inode, size, offset, length; };

static const int64_t *wrong;
static const char *folder;
static int is_redis;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *at = mmap(NULL, sizeof *wrong, PROT_READ, MAP_SHARED, fd, 0);
        wrong = at == MAP_FAILED ? NULL : at;
        close(fd);
    }
    /* A copy: Redis writes its title over its environment. */
    folder = getenv("FAULTS_UNDO") ? strdup(getenv("FAULTS_UNDO")) : NULL;
    is_redis = strstr(program_invocation_short_name, "redis-server") || strstr(program_invocation_short_name, "valkey-server");
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && wrong && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *wrong;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (to)
        *to = exact.tv_sec;
    return exact.tv_sec;
}

/* Where what this file held is kept; 0 when it is none of those that have to last. */
static int kept_at(int fd, char *path)
{
    char link[64], target[PATH_MAX];
    if (!folder)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length <= 0 || target[0] != '/')
        return 0;
    target[length] = 0;
    const char *name = strrchr(target, '/') + 1, *end = strrchr(name, '.');
    if (!end || (strcmp(end, ".sqlite") && strcmp(end, ".sqlite-wal") && strcmp(end, ".aof")))
        return 0;
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return 1;
}

static void keep(int fd, size_t length, off_t offset)
{
    char path[PATH_MAX];
    struct stat now;
    int error = errno;
    if (kept_at(fd, path) && !fstat(fd, &now)) {
        struct undo before = { now.st_ino, now.st_size, offset < 0 ? now.st_size : offset, 0 };
        char *old = malloc(length ? length : 1);
        ssize_t had = old && (off_t)before.offset < now.st_size ? pread(fd, old, length, (off_t)before.offset) : 0;
        before.length = had > 0 ? (uint64_t)had : 0;
        struct iovec parts[2] = { { &before, sizeof before }, { old, before.length } };
        int to = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (to >= 0) {
            if (writev(to, parts, 2) < 0)
                abort();
            close(to);
        }
        free(old);
    }
    errno = error;
}

static int synced(int fd, int failed)
{
    char path[PATH_MAX];
    int error = errno;
    if (!failed && kept_at(fd, path) && truncate(path, 0) && errno != ENOENT)
        abort();
    errno = error;
    return failed;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    keep(fd, length, offset);
    return syscall(SYS_pwrite64, fd, data, length, offset);
}

/* Only Redis appends to its file with it; every other process would ask for each line of its log. */
ssize_t write(int fd, const void *data, size_t length)
{
    if (is_redis)
        keep(fd, length, -1);
    return syscall(SYS_write, fd, data, length);
}

int fsync(int fd) { return synced(fd, (int)syscall(SYS_fsync, fd)); }

int fdatasync(int fd) { return synced(fd, (int)syscall(SYS_fdatasync, fd)); }
