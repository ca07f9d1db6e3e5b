"""etcd's members: looked at, and their databases defragmented, one after the other."""
