"""Passwords of sessions and of the API's address, changed at both ends so that one of two is whole at any moment."""
