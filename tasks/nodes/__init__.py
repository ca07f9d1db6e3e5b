"""What a Linux machine needs before kubeadm: names, swap, kernel, time, packages, container runtime."""
