"""The same cluster on one machine: ten machines with systemd, sshd and real daemons in namespaces of their own."""
