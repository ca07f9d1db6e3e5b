"""Take a node out of the routers' next hops before its pods leave it, and put it back the other way round."""
