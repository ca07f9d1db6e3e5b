"""What is known of router platforms: a room each, and beside them what several have in common."""
