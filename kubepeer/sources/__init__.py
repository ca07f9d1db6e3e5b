"""Inventories that stand in a source of truth: what NetBox and Nautobot answer, as hosts and groups of Nornir's form."""
