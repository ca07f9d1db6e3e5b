"""What NAPALM drivers for routing daemons on Unix share; a driver of a daemon is a class over ``driver.UnixRouterDriver``."""
