/*
 * Loaded before libc (LD_PRELOAD): writes down, in order, what the process does to the files of one folder (ANDON_DISK) in a log
 * (ANDON_DISK_LOG) that disk-log.ts reads. What it cannot write down faithfully ends the process.
 *
 * An entry, little-endian: op (1 byte), place (8 bytes), lengths of path and data (4 bytes each), path in the folder, data.
 * Ops: C created, W written at place, T cut or grown to place, R renamed (data: the new path), U removed, B sync begins, E sync is done (place: its number).
 * The folder itself has the path "".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const char *disk;
static size_t disk_length;
static int log_fd = -1;
static int64_t syncs;

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("ANDON_DISK_LOG");
  disk = getenv("ANDON_DISK");
  if (!disk || !file) return;
  disk_length = strlen(disk);
  log_fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) abort();
}

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* The path inside the folder, or NULL. */
static const char *inside(const char *path) {
  if (log_fd < 0 || !path || strncmp(path, disk, disk_length) != 0) return NULL;
  if (path[disk_length] == 0) return "";
  return path[disk_length] == '/' ? path + disk_length + 1 : NULL;
}

/* Asked anew each time: a file may have been renamed, a descriptor used again. */
static const char *path_of(int fd, char *buffer) {
  char name[64];
  if (log_fd < 0) return NULL;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(name, buffer, PATH_MAX);
  if (length < 0) return NULL;
  buffer[length] = 0;
  return strstr(buffer, " (deleted)") ? NULL : inside(buffer);
}

static void note(char op, const char *path, int64_t place, const void *data, uint32_t data_length) {
  uint32_t path_length = (uint32_t)strlen(path);
  unsigned char head[17];
  head[0] = (unsigned char)op;
  memcpy(head + 1, &place, 8);
  memcpy(head + 9, &path_length, 4);
  memcpy(head + 13, &data_length, 4);
  struct iovec parts[] = {{head, sizeof head}, {(void *)path, path_length}, {(void *)data, data_length}};
  ssize_t whole = (ssize_t)(sizeof head + path_length + data_length);
  if (syscall(SYS_writev, log_fd, parts, 3) != whole) abort();
}

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
  const char *name = inside(path);
  if (!name) return real(path, flags, mode);
  pthread_mutex_lock(&turn);
  int is_new = (flags & O_CREAT) && faccessat(AT_FDCWD, path, F_OK, 0) != 0;
  int fd = real(path, flags, mode);
  int error = errno;
  if (fd >= 0 && is_new) note('C', name, 0, NULL, 0);
  else if (fd >= 0 && (flags & O_TRUNC)) note('T', name, 0, NULL, 0);
  pthread_mutex_unlock(&turn);
  errno = error;
  return fd;
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    REAL(name); \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = mode_of(flags, rest); \
    va_end(rest); \
    return opened(real, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

static ssize_t written(ssize_t count, const char *path, int64_t place, const void *data) {
  int error = errno;
  if (count > 0) note('W', path, place, data, (uint32_t)count);
  pthread_mutex_unlock(&turn);
  errno = error;
  return count;
}

ssize_t write(int fd, const void *data, size_t length) {
  REAL(write);
  char buffer[PATH_MAX + 1];
  const char *path = path_of(fd, buffer);
  if (!path) return real(fd, data, length);
  pthread_mutex_lock(&turn);
  struct stat about;
  int64_t place = lseek(fd, 0, SEEK_CUR);
  if ((fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &about) == 0) place = about.st_size;
  return written(real(fd, data, length), path, place, data);
}

#define PWRITE(name, offset) \
  ssize_t name(int fd, const void *data, size_t length, offset place) { \
    REAL(name); \
    char buffer[PATH_MAX + 1]; \
    const char *path = path_of(fd, buffer); \
    if (!path) return real(fd, data, length, place); \
    pthread_mutex_lock(&turn); \
    return written(real(fd, data, length, place), path, place, data); \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define CHANGE(call, op, path, place, data) \
  do { \
    pthread_mutex_lock(&turn); \
    int result = call; \
    int error = errno; \
    if (result == 0) note(op, path, place, data, data ? (uint32_t)strlen(data) : 0); \
    pthread_mutex_unlock(&turn); \
    errno = error; \
    return result; \
  } while (0)

#define TRUNCATE(name, offset) \
  int name(int fd, offset size) { \
    REAL(name); \
    char buffer[PATH_MAX + 1]; \
    const char *path = path_of(fd, buffer); \
    if (!path) return real(fd, size); \
    CHANGE(real(fd, size), 'T', path, size, (const char *)NULL); \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int rename(const char *from, const char *to) {
  REAL(rename);
  const char *path = inside(from), *target = inside(to);
  if (!path && !target) return real(from, to);
  if (!path || !target) abort();
  CHANGE(real(from, to), 'R', path, 0, target);
}

int unlink(const char *name) {
  REAL(unlink);
  const char *path = inside(name);
  if (!path) return real(name);
  CHANGE(real(name), 'U', path, 0, (const char *)NULL);
}

/* Other threads may write meanwhile: what they write after the beginning is not covered. */
#define SYNC(name) \
  int name(int fd) { \
    REAL(name); \
    char buffer[PATH_MAX + 1]; \
    const char *path = path_of(fd, buffer); \
    if (!path) return real(fd); \
    pthread_mutex_lock(&turn); \
    int64_t number = syncs++; \
    note('B', path, number, NULL, 0); \
    pthread_mutex_unlock(&turn); \
    int result = real(fd); \
    int error = errno; \
    pthread_mutex_lock(&turn); \
    if (result == 0) note('E', path, number, NULL, 0); \
    pthread_mutex_unlock(&turn); \
    errno = error; \
    return result; \
  }
SYNC(fsync)
SYNC(fdatasync)

/* Ways to change a file that are not written down. */
#define NOT_WRITTEN_DOWN(fd, call) \
  do { \
    char buffer[PATH_MAX + 1]; \
    if (path_of(fd, buffer)) abort(); \
    return call; \
  } while (0)

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  NOT_WRITTEN_DOWN(fd, real(fd, parts, count));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t place) {
  REAL(pwritev);
  NOT_WRITTEN_DOWN(fd, real(fd, parts, count, place));
}
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *place, size_t length, unsigned flags) {
  REAL(copy_file_range);
  NOT_WRITTEN_DOWN(to, real(from, at, to, place, length, flags));
}
int fallocate(int fd, int mode, off_t place, off_t length) {
  REAL(fallocate);
  NOT_WRITTEN_DOWN(fd, real(fd, mode, place, length));
}
int posix_fallocate(int fd, off_t place, off_t length) {
  REAL(posix_fallocate);
  NOT_WRITTEN_DOWN(fd, real(fd, place, length));
}
