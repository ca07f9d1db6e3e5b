"""The stand-in for calico/node: Felix's routes and confd's BIRD, behind Calico's own custom resources."""
