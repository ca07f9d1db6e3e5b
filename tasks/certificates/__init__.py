"""The certificates of a cluster's nodes: how long each is valid yet, and how they are renewed."""
