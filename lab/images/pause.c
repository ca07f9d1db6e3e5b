/* The process that holds a pod's namespaces: it buries orphans and waits to be told to go. With -v it tells its version and
   ends: kubeadm's health check before an upgrade runs it so. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signal_number) {
	(void)signal_number;
	_exit(0);
}

static void bury(int signal_number) {
	(void)signal_number;
	while (waitpid(-1, 0, WNOHANG) > 0) {
	}
}

int main(int count, char **words) {
	if (count > 1 && strcmp(words[1], "-v") == 0) {
		puts("pause.c " VERSION);
		return 0;
	}
	signal(SIGINT, leave);
	signal(SIGTERM, leave);
	signal(SIGCHLD, bury);
	for (;;) {
		pause();
	}
}
