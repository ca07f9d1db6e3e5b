"""Who gives services of type LoadBalancer their addresses: one module a provider, and nothing else of tasks names one."""
