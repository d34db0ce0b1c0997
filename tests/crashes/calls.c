/* Preloaded into programs: kills them as they are about to make the Nth call of a kind, counts their calls,
 * and keeps what has been synced: what a power cut would leave. tests/crashes/preloaded.py says how.
 *
 * CRASH_CALL, CRASH_NUMBER  the call that is not made
 * CRASH_PID                 the process that dies there; any where it is not set
 * CRASH_TORN                a write is half made first
 * CRASH_NOTICE              a pipe with a name, to which a death is written before
 * CRASH_COUNTS              a folder for a file of counts for each process
 * CRASH_DISK                a folder for contents and listings as of the last fsync, by inode and time of birth
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define KINDS(K)                                                                                              \
    K(write) K(pwrite64) K(writev) K(fsync) K(fdatasync) K(ftruncate) K(sendto) K(sendfile)                   \
    K(copy_file_range) K(close) K(flock) K(open) K(rename) K(link) K(symlink) K(unlink) K(rmdir) K(mkdir)     \
    K(chmod) K(utimensat) K(fork) K(execve) K(waitpid) K(kill)

#define KIND(name) KIND_##name,
enum kind { KINDS(KIND) COUNT };
#define NAME(name) #name,
static const char *const names[COUNT] = {KINDS(NAME)};

static long private_counts[COUNT];
static long *counts = private_counts;
static int armed = -1; /* the kind that is waited for */
static long number;
static long victim;
static int torn;
static char notice[4096], counted[4096], disk[4096];

static void copy_setting(const char *name, char *into)
{
    const char *value = getenv(name);
    snprintf(into, 4096, "%s", value ? value : "");
}

static void open_counts(void)
{
    static int opened;
    char path[8192];
    memset(private_counts, 0, sizeof private_counts);
    counts = private_counts;
    if (!*counted)
        return;
    snprintf(path, sizeof path, "%s/%d-%d", counted, (int)syscall(SYS_getpid), opened++);
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    while (fd < 0 && errno == EEXIST) {
        snprintf(path, sizeof path, "%s/%d-%d", counted, (int)syscall(SYS_getpid), opened++);
        fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0)
        return;
    if (syscall(SYS_ftruncate, fd, sizeof private_counts) == 0) {
        void *shared = mmap(NULL, sizeof private_counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared != MAP_FAILED)
            counts = shared;
    }
    syscall(SYS_close, fd);
}

/* Follow what the environment says; called again by a fork that has become a command. */
void crash_arm(void)
{
    const char *call = getenv("CRASH_CALL"), *value = getenv("CRASH_NUMBER"), *pid = getenv("CRASH_PID");
    armed = -1;
    for (int kind = 0; call && kind < COUNT; kind++)
        if (!strcmp(call, names[kind]))
            armed = kind;
    number = value ? atol(value) : 0;
    victim = pid ? atol(pid) : 0;
    torn = getenv("CRASH_TORN") != NULL;
    copy_setting("CRASH_NOTICE", notice);
    copy_setting("CRASH_COUNTS", counted);
    copy_setting("CRASH_DISK", disk);
    open_counts();
}

__attribute__((constructor)) static void begin(void)
{
    crash_arm();
    pthread_atfork(NULL, NULL, open_counts);
}

static int is_due(enum kind kind)
{
    long now = __atomic_add_fetch(&counts[kind], 1, __ATOMIC_RELAXED);
    return (int)kind == armed && now == number && (!victim || victim == syscall(SYS_getpid));
}

static void die(void)
{
    char line[128];
    pid_t self = syscall(SYS_getpid);
    int fd = syscall(SYS_openat, AT_FDCWD, notice, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd >= 0) {
        int length = snprintf(line, sizeof line, "%d\n", (int)self);
        syscall(SYS_write, fd, line, length);
    }
    syscall(SYS_kill, self, SIGKILL);
    for (;;)
        pause();
}

static void pass(enum kind kind)
{
    if (is_due(kind))
        die();
}

static void pass_write(enum kind kind, int fd, const void *bytes, size_t size, off_t place)
{
    if (!is_due(kind))
        return;
    if (torn && size > 1 && place < 0)
        syscall(SYS_write, fd, bytes, size / 2);
    else if (torn && size > 1)
        syscall(SYS_pwrite64, fd, bytes, size / 2, place);
    die();
}

#define REAL(name)                                                                                            \
    static __typeof__(name) *real_##name;                                                                     \
    if (!real_##name)                                                                                         \
    real_##name = dlsym(RTLD_NEXT, #name)

/* What is on the disk */

/* The number of an inode comes again when its file is gone; with the time of its birth it does not. */
static int identify(int folder, const char *name, char *key)
{
    struct statx state;
    int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
    if (syscall(SYS_statx, folder, name, flags, STATX_INO | STATX_BTIME, &state))
        return -1;
    return sprintf(key, "%llu-%lld.%u", (unsigned long long)state.stx_ino, (long long)state.stx_btime.tv_sec,
                   state.stx_btime.tv_nsec);
}

static int open_copy(const char *room, const char *key, char *temporary, char *path)
{
    snprintf(path, 8192, "%s/%s/%s", disk, room, key);
    snprintf(temporary, 8192, "%s/arriving/%s-%ld", disk, key, syscall(SYS_gettid));
    return syscall(SYS_openat, AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void keep_content(int fd, const char *key)
{
    char temporary[8192], path[8192], own[64], buffer[65536];
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd); /* it may be open for writing alone */
    int source = syscall(SYS_openat, AT_FDCWD, own, O_RDONLY | O_CLOEXEC);
    int target = source < 0 ? -1 : open_copy("files", key, temporary, path);
    if (target >= 0) {
        long size;
        while ((size = syscall(SYS_read, source, buffer, sizeof buffer)) > 0)
            syscall(SYS_write, target, buffer, size);
        syscall(SYS_close, target);
        syscall(SYS_rename, temporary, path);
    }
    if (source >= 0)
        syscall(SYS_close, source);
}

/* A line for each name: its key, its mode, the name and where a link leads, with a zero after each. */
static void keep_listing(int fd, const char *key)
{
    char temporary[8192], path[8192], link[4096], found_key[64];
    int source = syscall(SYS_openat, fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = source < 0 ? NULL : fdopendir(source);
    int target = folder ? open_copy("folders", key, temporary, path) : -1;
    FILE *out = target < 0 ? NULL : fdopen(target, "w");
    for (struct dirent *entry; out && (entry = readdir(folder));) {
        struct stat found;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            fstatat(fd, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) || identify(fd, entry->d_name, found_key) < 0)
            continue;
        ssize_t size = S_ISLNK(found.st_mode) ? readlinkat(fd, entry->d_name, link, sizeof link - 1) : 0;
        link[size > 0 ? size : 0] = 0;
        fprintf(out, "%s %u %s%c%s%c", found_key, found.st_mode, entry->d_name, 0, link, 0);
    }
    if (out) {
        fclose(out);
        syscall(SYS_rename, temporary, path);
    }
    if (folder)
        closedir(folder);
}

static int keep(int fd, int result)
{
    struct stat state;
    int before = errno;
    char key[64];
    if (!result && *disk && !fstat(fd, &state) && identify(fd, "", key) > 0) {
        if (S_ISREG(state.st_mode))
            keep_content(fd, key);
        else if (S_ISDIR(state.st_mode))
            keep_listing(fd, key);
    }
    errno = before;
    return result;
}

/* The calls */

ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(write);
    pass_write(KIND_write, fd, bytes, size, -1);
    return real_write(fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t place)
{
    REAL(pwrite64);
    pass_write(KIND_pwrite64, fd, bytes, size, place);
    return real_pwrite64(fd, bytes, size, place);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t place)
{
    return pwrite64(fd, bytes, size, place);
}

ssize_t writev(int fd, const struct iovec *parts, int many)
{
    REAL(writev);
    pass(KIND_writev);
    return real_writev(fd, parts, many);
}

int fsync(int fd)
{
    REAL(fsync);
    pass(KIND_fsync);
    return keep(fd, real_fsync(fd));
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    pass(KIND_fdatasync);
    return keep(fd, real_fdatasync(fd));
}

int ftruncate64(int fd, off64_t size)
{
    REAL(ftruncate64);
    pass(KIND_ftruncate);
    return real_ftruncate64(fd, size);
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    REAL(send);
    pass(KIND_sendto);
    return real_send(fd, bytes, size, flags);
}

ssize_t sendfile64(int target, int source, off64_t *place, size_t size)
{
    REAL(sendfile64);
    pass(KIND_sendfile);
    return real_sendfile64(target, source, place, size);
}

ssize_t sendfile(int target, int source, off_t *place, size_t size)
{
    return sendfile64(target, source, place, size);
}

ssize_t copy_file_range(int source, off64_t *from, int target, off64_t *to, size_t size, unsigned flags)
{
    REAL(copy_file_range);
    pass(KIND_copy_file_range);
    return real_copy_file_range(source, from, target, to, size, flags);
}

int close(int fd)
{
    REAL(close);
    pass(KIND_close);
    return real_close(fd);
}

int flock(int fd, int what)
{
    pass(KIND_flock);
    return syscall(SYS_flock, fd, what);
}

#define MODE(flags, after)                                                                                    \
    mode_t mode = 0;                                                                                          \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                  \
        va_list rest;                                                                                         \
        va_start(rest, after);                                                                                \
        mode = va_arg(rest, mode_t);                                                                          \
        va_end(rest);                                                                                         \
    }

int openat(int folder, const char *path, int flags, ...)
{
    MODE(flags, flags)
    if (flags & O_CREAT)
        pass(KIND_open);
    return syscall(SYS_openat, folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE(flags, flags)
    return openat(folder, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    MODE(flags, flags)
    return openat(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags, flags)
    return openat(AT_FDCWD, path, flags, mode);
}

int renameat2(int source, const char *from, int target, const char *to, unsigned flags)
{
    pass(KIND_rename);
    return syscall(SYS_renameat2, source, from, target, to, flags);
}

int renameat(int source, const char *from, int target, const char *to)
{
    return renameat2(source, from, target, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int source, const char *from, int target, const char *to, int flags)
{
    pass(KIND_link);
    return syscall(SYS_linkat, source, from, target, to, flags);
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *from, int target, const char *to)
{
    pass(KIND_symlink);
    return syscall(SYS_symlinkat, from, target, to);
}

int symlink(const char *from, const char *to)
{
    return symlinkat(from, AT_FDCWD, to);
}

int unlinkat(int folder, const char *path, int flags)
{
    pass(flags & AT_REMOVEDIR ? KIND_rmdir : KIND_unlink);
    return syscall(SYS_unlinkat, folder, path, flags);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    pass(KIND_mkdir);
    return syscall(SYS_mkdirat, folder, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int chmod(const char *path, mode_t mode)
{
    REAL(chmod);
    pass(KIND_chmod);
    return real_chmod(path, mode);
}

int fchmod(int fd, mode_t mode)
{
    REAL(fchmod);
    pass(KIND_chmod);
    return real_fchmod(fd, mode);
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags)
{
    REAL(utimensat);
    pass(KIND_utimensat);
    return real_utimensat(folder, path, times, flags);
}

pid_t fork(void)
{
    REAL(fork);
    pass(KIND_fork);
    return real_fork();
}

int execve(const char *path, char *const words[], char *const environ[])
{
    REAL(execve);
    pass(KIND_execve);
    return real_execve(path, words, environ);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *settings, char *const words[], char *const environ[])
{
    REAL(posix_spawn);
    pass(KIND_execve);
    return real_posix_spawn(pid, path, actions, settings, words, environ);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    REAL(waitpid);
    if (!(options & WNOHANG))
        pass(KIND_waitpid);
    return real_waitpid(pid, status, options);
}

int kill(pid_t pid, int signal)
{
    REAL(kill);
    pass(KIND_kill);
    return real_kill(pid, signal);
}
