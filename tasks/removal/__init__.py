"""Take a node out of the cluster for good, at both ends: routers, endpoint, etcd, the machine itself, and what Calico has of it."""
