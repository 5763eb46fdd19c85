// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the commands of the host in a test guest: what guest-init becomes when all is mounted.
 *
 * Standard input and output are the virtio serial port. From the host come lines,
 *   run NUMBER BYTES     run the shell command in the BYTES that follow, in the host's root
 *   bare NUMBER BYTES    the same in the initramfs: it still works when 9p is gone
 *   kill NUMBER 0        end that command and all it has started
 *   off 0 0              power off
 * and back go "ready" once, and "NUMBER STATUS BYTES" with so many bytes of output for each command.
 *
 * Not a shell loop, because a command should cost no process but its own: in a kernel that watches
 * every access a process takes a twentieth of a second.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOT		"/root"
#define HEADER_MAX	64
/* Milliseconds that a command has to end by itself when it is killed. */
#define GRACE		2000
#define PAUSE		100

struct job {
	struct job *next;
	unsigned int number;
	pid_t pid;
	int output;
	long long kill_at;	/* 0: nobody wants it to end */
};

static struct job *jobs;

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/*
 * The port, which never blocks. After suspend to RAM it reads as closed, and takes nothing, until
 * QEMU has said again that it is open: wait, and do not take it for the end.
 */

static void wait_for_port(int fd, short events)
{
	struct pollfd port = { .fd = fd, .events = events };

	poll(&port, 1, PAUSE);
	if (port.revents & POLLHUP)
		usleep(PAUSE * 1000);
}

static void write_all(const char *data, size_t length)
{
	while (length) {
		ssize_t done = write(STDOUT_FILENO, data, length);

		if (done <= 0) {
			wait_for_port(STDOUT_FILENO, POLLOUT);
			continue;
		}
		data += done;
		length -= done;
	}
}

static void read_all(char *data, size_t length)
{
	while (length) {
		ssize_t done = read(STDIN_FILENO, data, length);

		if (done <= 0) {
			wait_for_port(STDIN_FILENO, POLLIN);
			continue;
		}
		data += done;
		length -= done;
	}
}

/* A byte at a time: what follows the line is not for this function. False: nothing has come. */
static int read_line(char *line)
{
	size_t length = 0;

	if (read(STDIN_FILENO, line, 1) <= 0)
		return 0;
	while (line[length++] != '\n' && length < HEADER_MAX - 1)
		read_all(line + length, 1);
	line[length] = 0;
	return 1;
}

/* The commands */

static void become(const char *command, int bare)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (!bare) {
		if (chroot(ROOT) || chdir("/"))
			err(126, ROOT);
		setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	}
	execl("/bin/sh", "/bin/sh", "-c", command, NULL);
	err(127, "/bin/sh");
}

static void start(unsigned int number, const char *command, int bare)
{
	/* to a file: a host that does not read cannot block a command */
	int output = open("/", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct job *job = calloc(1, sizeof(*job));
	pid_t pid;

	if (output < 0 || !job)
		err(1, "command %u", number);
	pid = fork();
	if (pid < 0)
		err(1, "fork for command %u", number);
	if (!pid) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		dup2(null, STDIN_FILENO);
		dup2(output, STDOUT_FILENO);
		dup2(output, STDERR_FILENO);
		become(command, bare);
	}
	*job = (struct job){ .next = jobs, .number = number, .pid = pid, .output = output };
	jobs = job;
}

static void answer(const struct job *job, int status)
{
	char header[HEADER_MAX], chunk[65536];
	struct stat output;
	off_t at = 0;

	if (fstat(job->output, &output))
		err(1, "output of command %u", job->number);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	write_all(header, snprintf(header, sizeof(header), "%u %d %lld\n", job->number, status,
				   (long long)output.st_size));
	/* what a process left behind writes from now on is not part of the answer */
	while (at < output.st_size) {
		size_t rest = output.st_size - at;
		ssize_t got = pread(job->output, chunk, rest < sizeof(chunk) ? rest : sizeof(chunk),
				    at);

		if (got <= 0)
			err(1, "output of command %u", job->number);
		write_all(chunk, got);
		at += got;
	}
}

/* As the first process it is also the parent of all orphans, of which nobody wants to know. */
static void reap(void)
{
	struct job **link, *job;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (link = &jobs; *link && (*link)->pid != pid; link = &(*link)->next)
			;
		job = *link;
		if (!job)
			continue;
		*link = job->next;
		answer(job, status);
		close(job->output);
		free(job);
	}
}

/* A child that has not called setsid() yet has no process group of its own: it is just starting. */
static void signal_job(const struct job *job, int signal)
{
	while (kill(-job->pid, signal) && errno == ESRCH && !kill(job->pid, 0))
		usleep(1000);
}

static void end(unsigned int number)
{
	struct job *job;

	for (job = jobs; job; job = job->next)
		if (job->number == number && !job->kill_at) {
			job->kill_at = milliseconds() + GRACE;
			signal_job(job, SIGTERM);
		}
}

static void kill_the_stubborn(void)
{
	long long now = milliseconds();
	struct job *job;

	for (job = jobs; job; job = job->next)
		if (job->kill_at && job->kill_at <= now) {
			job->kill_at = now + GRACE;
			signal_job(job, SIGKILL);
		}
}

static void obey(void)
{
	char line[HEADER_MAX], verb[8], *payload;
	unsigned int number, length;

	if (!read_line(line))
		return;
	if (sscanf(line, "%7s %u %u", verb, &number, &length) != 3)
		errx(1, "not a request: %s", line);
	payload = calloc(1, length + 1);
	if (!payload)
		err(1, "request of %u bytes", length);
	read_all(payload, length);
	if (!strcmp(verb, "run") || !strcmp(verb, "bare"))
		start(number, payload, !strcmp(verb, "bare"));
	else if (!strcmp(verb, "kill"))
		end(number);
	else if (!strcmp(verb, "off"))
		reboot(RB_POWER_OFF);
	free(payload);
}

int main(void)
{
	struct pollfd inputs[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				    { .events = POLLIN } };
	struct signalfd_siginfo ignored;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	inputs[1].fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (inputs[1].fd < 0)
		err(1, "signalfd");
	fcntl(STDIN_FILENO, F_SETFL, O_RDWR | O_NONBLOCK);
	write_all("ready\n", 6);
	for (;;) {
		poll(inputs, 2, jobs ? PAUSE : -1);
		if (inputs[0].revents & POLLHUP)
			wait_for_port(STDIN_FILENO, POLLIN);
		else if (inputs[0].revents)
			obey();
		while (read(inputs[1].fd, &ignored, sizeof(ignored)) > 0)
			;
		reap();
		kill_the_stubborn();
	}
}
