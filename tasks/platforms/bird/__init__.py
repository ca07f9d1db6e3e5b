"""The room of BIRD: all that is known of it."""
