"""How much is tried: pytest tests/unit/fuzz --hypothesis-profile thorough tries more, and others in each run."""

from hypothesis import settings

settings.register_profile("thorough", max_examples=2000, deadline=None, print_blob=True)
