"""Many hosts on the loopback that answer at once, and what it costs to look at them."""
