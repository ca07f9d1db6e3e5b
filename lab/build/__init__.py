"""What the lab is made of, built once into the cache: base, layers, Kubernetes, packages, images."""
