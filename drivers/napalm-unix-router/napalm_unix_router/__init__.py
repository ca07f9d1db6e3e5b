"""What NAPALM drivers for routing daemons on Unix share; each is a class over ``driver.UnixRouterDriver``."""
