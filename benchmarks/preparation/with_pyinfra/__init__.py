"""What pyinfra is given."""
