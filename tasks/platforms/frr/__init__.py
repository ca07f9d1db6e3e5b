"""The room of FRR: all that is known of it."""
