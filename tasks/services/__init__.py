"""Prove the data path by traffic: from outside, from nodes and from pods to every kind of address that the workload has."""
