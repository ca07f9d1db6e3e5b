"""The room of Arista EOS: all that is known of it."""
