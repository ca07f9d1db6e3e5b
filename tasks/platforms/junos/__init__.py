"""The room of Juniper Junos: all that is known of it."""
