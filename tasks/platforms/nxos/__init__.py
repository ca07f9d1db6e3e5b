"""The room of Cisco NX-OS: all that is known of it."""
