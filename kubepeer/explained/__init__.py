"""The inventory explained: what it comes to, where each value stands, and what an editor should know of it."""
