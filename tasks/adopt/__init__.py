"""Clusters that Kubepeer did not build: their nodes as the API tells of them, and inventories written from it."""
