"""The stand-in for PureLB's allocator: gives LoadBalancer services their addresses."""
