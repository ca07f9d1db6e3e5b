"""A backup of all that a cluster is made of, in one file of the controller: etcd, keys and files of its control planes, its routers."""
