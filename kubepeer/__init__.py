"""Kubepeer: one inventory for a Kubernetes cluster and the BGP routers above it; both ends built and proven in one run."""
