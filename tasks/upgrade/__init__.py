"""A cluster goes to another version: in kubeadm's order, each node drained at both ends and proved on the routers before the next."""
