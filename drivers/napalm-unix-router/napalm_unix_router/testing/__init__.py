"""What the tests of the drivers share: recorded and real routers."""
