"""The checks of verify_routes.py as tests of pytest: `pytest --kubepeer-config=config.yaml`, beside whatever else is tested."""
