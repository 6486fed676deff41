#include <fcntl.h>
#include <unistd.h>

#include "cli/cli.h"

/* A standard descriptor that is closed would be the next socket's. What stands in for it can be
 * opened but not used, so that a result that was to go there is not taken for written. */
static void descriptors_fill(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

int main(int argc, char **argv)
{
    descriptors_fill();
    return cli_main(argc, argv);
}
