"""The upstream routers: on each, Kubepeer owns what has its name, and touches nothing else."""
