// SPDX-License-Identifier: GPL-2.0-only
/* A reader that has stopped: what the stack receives on one interface stays in memory.
 *
 * framehold IF SECONDS READY creates the file READY when it holds frames, reads
 * none, and lets go of them when it ends after so many seconds.
 */

#include <fcntl.h>
#include <unistd.h>

#include "bound_socket.h"

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "framehold IF SECONDS READY\n");
		return 2;
	}
	open_socket(argv[1], ETH_P_ALL);
	if (open(argv[3], O_WRONLY | O_CREAT, 0600) < 0)
		die(argv[3]);
	sleep(atoi(argv[2]));
	return 0;
}
