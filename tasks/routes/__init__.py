"""The proof of routes: what the cluster should announce against what every router has, in BGP, in the routing table and in the kernel."""
