"""Bare machines again, and the routers as they were: what deploy.py has brought goes, and what was its owner's is given back."""
