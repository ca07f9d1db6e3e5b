"""deploy.py --replace NAME: what is left of a machine that died goes, and the new one under its name joins."""
