"""An API server on loopback, as the tests of the cluster have it."""

from tests.unit.cluster.conftest import connected, keys, listener, server

__all__ = ["connected", "keys", "listener", "server"]
