"""The same preparation of the same nodes by Kubepeer, by Ansible and by pyinfra (`make bench`)."""
