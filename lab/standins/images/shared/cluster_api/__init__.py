"""What every stand-in needs to live inside a cluster: requests, watches and a few views of objects."""
