"""The room of Cisco IOS: all that is known of it."""
