"""How BIRD is asked. Pure."""

BIRDC = "birdc -r"  # restricted: it can only look
