"""The upstream routers: on each, Kubepeer is a guest that owns what bears its name and nothing else."""
