"""The room of VyOS: all that is known of it."""
