"""Why sessions and routes are not as they should be: each cause a small class that speaks only when its evidence is there."""
