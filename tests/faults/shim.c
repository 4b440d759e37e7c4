// Preloaded into a process: from its n-th call of chosen kinds on files below a folder, the call goes wrong.
//
// fault_arm says what, where and when; before it, and in processes that do not call it, all calls are passed on.
// The control file is shared memory: how many calls of each kind there were, and how many went wrong.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { LOOK = 1, MAKE = 2, READ = 4, WRITE = 8, SYNC = 16, RENAME = 32, CLOCK = 64 };
enum { SHORT = -1, SLOW = -2, JUMP = -3, KILL = -4 };  // actions; positive ones are an errno

static long *control;  // [0..6] calls of each kind, [7] those that went wrong, [8] calls of the chosen kinds
static char prefix[4096];
static long kinds, action, first, times, extra;
static size_t length;

void fault_arm(const char *file, const char *below, long k, long a, long f, long t, long e) {
  int fd = open(file, O_RDWR);
  control = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  strncpy(prefix, below, sizeof prefix - 1);
  length = strlen(prefix);
  kinds = k, action = a, first = f, times = t, extra = e;
}

static int below(const char *path) { return control && path && strncmp(path, prefix, length) == 0; }

static int fd_below(int fd) {
  if (!control) return 0;
  int saved = errno;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (n < 0) return 0;
  path[n] = 0;
  return below(path);
}

static int at_below(int fd, const char *path) { return path && path[0] == '/' ? below(path) : fd_below(fd); }

// The action, if this call is one of the chosen; 0 passes it on.
static long now(int kind) {
  __sync_fetch_and_add(&control[__builtin_ctz(kind)], 1);
  if (!(kinds & kind)) return 0;
  long n = __sync_add_and_fetch(&control[8], 1);
  if (n < first || n >= first + times) return 0;
  __sync_fetch_and_add(&control[7], 1);
  if (action == KILL) kill(getpid(), SIGKILL);
  if (action == SLOW) usleep(extra);
  return action;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)
#define FAIL(kind, inside) \
  if (inside) { \
    long a = now(kind); \
    if (a > 0) { errno = a; return -1; } \
  }
#define CUT(kind, inside, size) \
  if (inside) { \
    long a = now(kind); \
    if (a > 0) { errno = a; return -1; } \
    if (a == SHORT && size > 1) size /= 2; \
  }

#define OPEN(name, arguments, call, inside) \
  int name arguments { \
    REAL(name); \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
    FAIL((flags & (O_CREAT | O_WRONLY | O_RDWR)) ? MAKE : LOOK, control && (inside)) \
    return real call; \
  }
OPEN(open, (const char *path, int flags, ...), (path, flags, mode), below(path))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), below(path))
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode), at_below(at, path))
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode), at_below(at, path))

ssize_t read(int fd, void *to, size_t size) { REAL(read); CUT(READ, fd_below(fd), size) return real(fd, to, size); }
ssize_t pread(int fd, void *to, size_t size, off_t at) { REAL(pread); CUT(READ, fd_below(fd), size) return real(fd, to, size, at); }
ssize_t pread64(int fd, void *to, size_t size, off64_t at) { REAL(pread64); CUT(READ, fd_below(fd), size) return real(fd, to, size, at); }
ssize_t write(int fd, const void *from, size_t size) { REAL(write); CUT(WRITE, fd_below(fd), size) return real(fd, from, size); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) { REAL(pwrite); CUT(WRITE, fd_below(fd), size) return real(fd, from, size, at); }
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) { REAL(pwrite64); CUT(WRITE, fd_below(fd), size) return real(fd, from, size, at); }
ssize_t readv(int fd, const struct iovec *to, int n) { REAL(readv); FAIL(READ, fd_below(fd)) return real(fd, to, n); }
ssize_t writev(int fd, const struct iovec *from, int n) { REAL(writev); FAIL(WRITE, fd_below(fd)) return real(fd, from, n); }
int fsync(int fd) { REAL(fsync); FAIL(SYNC, fd_below(fd)) return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); FAIL(SYNC, fd_below(fd)) return real(fd); }
int rename(const char *from, const char *to) { REAL(rename); FAIL(RENAME, below(to)) return real(from, to); }
int renameat(int a, const char *from, int b, const char *to) { REAL(renameat); FAIL(RENAME, control && at_below(b, to)) return real(a, from, b, to); }
int link(const char *from, const char *to) { REAL(link); FAIL(RENAME, below(to)) return real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int f) { REAL(linkat); FAIL(RENAME, control && at_below(b, to)) return real(a, from, b, to, f); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); FAIL(MAKE, below(path)) return real(path, mode); }
int unlink(const char *path) { REAL(unlink); FAIL(RENAME, below(path)) return real(path); }
int stat(const char *path, struct stat *to) { REAL(stat); FAIL(LOOK, below(path)) return real(path, to); }
int stat64(const char *path, struct stat64 *to) { REAL(stat64); FAIL(LOOK, below(path)) return real(path, to); }
int statx(int at, const char *path, int flags, unsigned mask, struct statx *to) { REAL(statx); FAIL(LOOK, control && *path && at_below(at, path)) return real(at, path, flags, mask, to); }

// The clock of the day; that of durations goes on evenly, as it does in the machine.
static long jump(clockid_t which) { return control && which == CLOCK_REALTIME && now(CLOCK) == JUMP ? extra : 0; }
int clock_gettime(clockid_t which, struct timespec *to) {
  REAL(clock_gettime);
  int code = real(which, to);
  to->tv_sec += jump(which);
  return code;
}
time_t time(time_t *to) {
  REAL(time);
  time_t t = real(NULL) + jump(CLOCK_REALTIME);
  if (to) *to = t;
  return t;
}
