"""A machine that knows only a password becomes one that the other runbooks can use."""
