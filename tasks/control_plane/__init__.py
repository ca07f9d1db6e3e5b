"""The API's endpoint (haproxy and keepalived as static pods), kubeadm init and the joins."""
