/* The least that a durable update can cost: open and lock one file, append a line of 200 bytes to another, unlock, wait
   for the disk. The lock is free again before the wait, as it is in agentreg. */

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char line[200];
    int lock, log;

    if (argc != 3)
        return 2;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    lock = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) != 0)
        return 1;
    log = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log < 0 || write(log, line, sizeof line) != (ssize_t)sizeof line)
        return 1;
    close(lock);
    return fdatasync(log) == 0 ? 0 : 1;
}
