"""The package managers of nodes: one interface, and apt, dnf and yum behind it."""
