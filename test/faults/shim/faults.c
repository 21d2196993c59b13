/*
 * A library that stands between the server and the system (LD_PRELOAD): it makes calls fail, lets the clock jump,
 * swallows syncs, counts the steps of a process and kills it at one of them, and writes down what reaches the files and
 * the network, in order.
 *
 * - VIDIMUS_SHIM_CONTROL: a file of sizeof(struct control) bytes that the test changes while the server runs; its
 *   layout is that of shim.ts.
 * - VIDIMUS_SHIM_UNDER: only files below this directory are meant; never the shared memory of SQLite (-shm), which is
 *   made anew after a crash.
 * - VIDIMUS_SHIM_TRACE: where to write things down, if anywhere; its form is that of trace.ts.
 *
 * While things are written down one lock is held around each call and its record, so their order is the true one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
  int64_t clock_offset; /* milliseconds */
  int32_t swallow_syncs;
  int32_t calls; /* which calls fail: a sum of the numbers below */
  int32_t error; /* with which errno; 0: none */
  int32_t skip;  /* so many go through first */
  int32_t count; /* so many fail; -1: all */
  int32_t failed;
  char name[64]; /* part of the paths that are meant; empty: all */
  int32_t steps; /* so many have been begun: what changes a file that is meant, and what is sent */
  int32_t kill;  /* at this one the process is killed, before it is taken; 0: at none */
};

enum { WRITE = 1, SYNC = 2, OPEN = 4, RENAME = 8, TRUNCATE = 16 };
enum { R_WRITE = 1, R_TRUNCATE, R_SYNC, R_CREATE, R_RENAME, R_UNLINK, R_LINK, R_ANSWER, R_DIRECTORY, R_FAILED_SYNC };

static volatile struct control *control;
static const char *under;
static int trace = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("VIDIMUS_SHIM_CONTROL");
  under = getenv("VIDIMUS_SHIM_UNDER");
  if (path == NULL || under == NULL) return;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) control = at;
    close(fd);
  }
  const char *to = getenv("VIDIMUS_SHIM_TRACE");
  if (to != NULL) trace = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int is_meant(const char *path) {
  size_t length = under == NULL ? 0 : strlen(under);
  if (length == 0 || strncmp(path, under, length) != 0) return 0;
  size_t all = strlen(path);
  return all < 4 || strcmp(path + all - 4, "-shm") != 0;
}

/* The path of a descriptor that is meant, or 0. */
static int path_of(int fd, char *path) {
  if (control == NULL) return 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_meant(path);
}

static int absolute(const char *given, char *path) {
  if (control == NULL) return 0;
  if (given[0] == '/') {
    snprintf(path, PATH_MAX, "%s", given);
  } else {
    char here[PATH_MAX / 2];
    if (getcwd(here, sizeof here) == NULL) return 0;
    snprintf(path, PATH_MAX, "%s/%.2000s", here, given);
  }
  return is_meant(path);
}

/* Whether this call is to fail; errno is set. */
static int fails(int call, const char *path) {
  if (control == NULL || control->error == 0 || (control->calls & call) == 0) return 0;
  if (control->name[0] != 0 && strstr(path, (const char *)control->name) == NULL) return 0;
  if (__atomic_fetch_sub(&control->skip, 1, __ATOMIC_SEQ_CST) > 0) return 0;
  int failed = __atomic_fetch_add(&control->failed, 1, __ATOMIC_SEQ_CST);
  if (control->count >= 0 && failed >= control->count) return 0;
  errno = control->error;
  return 1;
}

/* Something that others may see is about to happen. Nobody is warned of a kill -9. */
static void step(void) {
  if (control == NULL) return;
  int now = __atomic_add_fetch(&control->steps, 1, __ATOMIC_SEQ_CST);
  if (now == control->kill) kill(getpid(), SIGKILL);
  /* The signal is for all threads, and this one goes no further. */
  while (control->kill != 0 && now >= control->kill) pause();
}

/* The same for what goes to a server. */
static void step_of(int fd) {
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  if (control != NULL && getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET) step();
}

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t written = syscall(SYS_write, trace, at, length);
    if (written <= 0) abort();
    at += written;
    length -= (size_t)written;
  }
}

static void record(uint32_t kind, const char *path, uint64_t offset, const void *bytes, uint64_t length) {
  uint32_t path_length = (uint32_t)strlen(path);
  char head[24];
  memcpy(head, &kind, 4);
  memcpy(head + 4, &path_length, 4);
  memcpy(head + 8, &offset, 8);
  memcpy(head + 16, &length, 8);
  put(head, sizeof head);
  put(path, path_length);
  put(bytes, length);
}

/* One at a time, in this process and in the others that write the same trace: its order is the true one of all of them. */
static void enter(void) {
  if (trace < 0) return;
  int kept = errno;
  pthread_mutex_lock(&lock);
  while (syscall(SYS_flock, trace, LOCK_EX) != 0 && errno == EINTR);
  errno = kept;
}
static void leave(void) {
  if (trace < 0) return;
  int kept = errno;
  syscall(SYS_flock, trace, LOCK_UN);
  pthread_mutex_unlock(&lock);
  errno = kept;
}

/* The beginning of an answer, before it is sent: who reads the record knows what was safe by then. */
static void note_answer(int fd, const char *bytes, size_t length) {
  if (trace < 0 || length < 12 || memcmp(bytes, "HTTP/1.1 ", 9) != 0) return;
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET) return;
  enter();
  record(R_ANSWER, "", ntohs(peer.sin_port), bytes, 12);
  leave();
}

static uint64_t place_of(int fd) {
  struct stat found;
  int flags = fcntl(fd, F_GETFL);
  if ((flags & O_APPEND) != 0 && fstat(fd, &found) == 0) return (uint64_t)found.st_size;
  return (uint64_t)lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) {
    step_of(fd);
    note_answer(fd, bytes, length);
    return REAL(write)(fd, bytes, length);
  }
  step();
  if (fails(WRITE, path)) return -1;
  enter();
  uint64_t at = place_of(fd);
  ssize_t written = REAL(write)(fd, bytes, length);
  if (trace >= 0 && written > 0) record(R_WRITE, path, at, bytes, (uint64_t)written);
  leave();
  return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) {
    step_of(fd);
    if (count > 0) note_answer(fd, parts[0].iov_base, parts[0].iov_len);
    return REAL(writev)(fd, parts, count);
  }
  /* One part after the other: a short answer is allowed. */
  return write(fd, parts[0].iov_base, parts[0].iov_len);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  step_of(fd);
  if (message->msg_iovlen > 0) note_answer(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
  return REAL(sendmsg)(fd, message, flags);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return REAL(pwrite)(fd, bytes, length, at);
  step();
  if (fails(WRITE, path)) return -1;
  enter();
  ssize_t written = REAL(pwrite)(fd, bytes, length, at);
  if (trace >= 0 && written > 0) record(R_WRITE, path, (uint64_t)at, bytes, (uint64_t)written);
  leave();
  return written;
}
/* As writev. */
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return REAL(pwritev)(fd, parts, count, at);
  return pwrite(fd, parts[0].iov_base, parts[0].iov_len, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return pwrite(fd, bytes, length, at); }

static int sync_with(int fd, int (*call)(int)) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return call(fd);
  step();
  if (fails(SYNC, path)) {
    enter();
    if (trace >= 0) record(R_FAILED_SYNC, path, 0, "", 0);
    leave();
    return -1;
  }
  if (control->swallow_syncs) return 0;
  enter();
  int result = call(fd);
  if (trace >= 0 && result == 0) record(R_SYNC, path, 0, "", 0);
  leave();
  return result;
}
int fsync(int fd) { return sync_with(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_with(fd, REAL(fdatasync)); }

int ftruncate(int fd, off_t length) {
  char path[PATH_MAX];
  if (!path_of(fd, path)) return REAL(ftruncate)(fd, length);
  step();
  if (fails(TRUNCATE, path)) return -1;
  enter();
  int result = REAL(ftruncate)(fd, length);
  if (trace >= 0 && result == 0) record(R_TRUNCATE, path, (uint64_t)length, "", 0);
  leave();
  return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int open_at(int directory, const char *given, int flags, mode_t mode) {
  char path[PATH_MAX];
  /* A temporary file without a name (O_TMPFILE) is nobody's here. */
  if (directory != AT_FDCWD || !absolute(given, path)) return (int)syscall(SYS_openat, directory, given, flags, mode);
  int writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes) step();
  if (writes && fails(OPEN, path)) return -1;
  enter();
  int is_new = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
  int fd = (int)syscall(SYS_openat, directory, given, flags, mode);
  if (trace >= 0 && fd >= 0 && is_new) record(R_CREATE, path, 0, "", 0);
  if (trace >= 0 && fd >= 0 && !is_new && (flags & O_TRUNC) != 0) record(R_TRUNCATE, path, 0, "", 0);
  leave();
  return fd;
}

/* On a read-only file system nobody may write. */
int access(const char *given, int mode) {
  char path[PATH_MAX];
  int writes = (mode & W_OK) != 0 && absolute(given, path) && control->error == EROFS;
  if (writes && fails(OPEN, path)) return -1;
  return REAL(access)(given, mode);
}

#define MODE(flags, after) \
  mode_t mode = 0; \
  if (((flags) & O_CREAT) != 0) { \
    va_list rest; \
    va_start(rest, after); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }
int open(const char *path, int flags, ...) { MODE(flags, flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, flags) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, flags) return open_at(at, path, flags, mode); }

static int move(uint32_t kind, int call, const char *from, const char *to, int (*work)(const char *, const char *)) {
  char source[PATH_MAX], target[PATH_MAX];
  if (!absolute(from, source) || !absolute(to, target)) return work(from, to);
  step();
  if (fails(call, target)) return -1;
  enter();
  int result = work(from, to);
  if (trace >= 0 && result == 0) record(kind, source, 0, target, strlen(target));
  leave();
  return result;
}
int rename(const char *from, const char *to) { return move(R_RENAME, RENAME, from, to, REAL(rename)); }
int link(const char *from, const char *to) { return move(R_LINK, RENAME, from, to, REAL(link)); }

int unlink(const char *given) {
  char path[PATH_MAX];
  if (!absolute(given, path)) return REAL(unlink)(given);
  step();
  enter();
  int result = REAL(unlink)(given);
  if (trace >= 0 && result == 0) record(R_UNLINK, path, 0, "", 0);
  leave();
  return result;
}

int mkdir(const char *given, mode_t mode) {
  char path[PATH_MAX];
  if (!absolute(given, path)) return REAL(mkdir)(given, mode);
  step();
  enter();
  int result = REAL(mkdir)(given, mode);
  if (trace >= 0 && result == 0) record(R_DIRECTORY, path, 0, "", 0);
  leave();
  return result;
}

/* A name is taken away, of a file or of a directory. */
static int gone(int result, int is_ours, const char *path) {
  if (trace >= 0 && is_ours && result == 0) record(R_UNLINK, path, 0, "", 0);
  return result;
}

int rmdir(const char *given) {
  char path[PATH_MAX];
  int is_ours = absolute(given, path);
  if (is_ours) step();
  enter();
  int result = gone(REAL(rmdir)(given), is_ours, path);
  leave();
  return result;
}

int remove(const char *given) {
  char path[PATH_MAX];
  int is_ours = absolute(given, path);
  if (is_ours) step();
  enter();
  int result = gone((int)syscall(SYS_unlinkat, AT_FDCWD, given, 0), is_ours, path);
  if (result != 0 && errno == EISDIR) result = gone((int)syscall(SYS_unlinkat, AT_FDCWD, given, AT_REMOVEDIR), is_ours, path);
  leave();
  return result;
}

int unlinkat(int directory, const char *given, int flags) {
  char path[PATH_MAX], above[PATH_MAX / 2];
  int is_ours = 0;
  if (directory == AT_FDCWD || given[0] == '/') {
    is_ours = absolute(given, path);
  } else if (path_of(directory, path)) {
    snprintf(above, sizeof above, "%.2000s", path);
    snprintf(path, PATH_MAX, "%s/%.2000s", above, given);
    is_ours = is_meant(path);
  }
  if (is_ours) step();
  enter();
  int result = gone(REAL(unlinkat)(directory, given, flags), is_ours, path);
  leave();
  return result;
}

/* The library makes the directory by itself, where nobody stands in between. */
char *mkdtemp(char *given) {
  char path[PATH_MAX];
  enter();
  char *made = REAL(mkdtemp)(given);
  if (trace >= 0 && made != NULL && absolute(made, path)) record(R_DIRECTORY, path, 0, "", 0);
  leave();
  return made;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = REAL(clock_gettime)(clock, now);
  if (result == 0 && control != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t offset = control->clock_offset;
    now->tv_sec += offset / 1000;
    now->tv_nsec += (offset % 1000) * 1000000;
    if (now->tv_nsec >= 1000000000) { now->tv_nsec -= 1000000000; now->tv_sec++; }
    if (now->tv_nsec < 0) { now->tv_nsec += 1000000000; now->tv_sec--; }
  }
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec exact;
  (void)zone;
  int result = clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return result;
}

time_t time(time_t *at) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (at != NULL) *at = exact.tv_sec;
  return exact.tv_sec;
}
