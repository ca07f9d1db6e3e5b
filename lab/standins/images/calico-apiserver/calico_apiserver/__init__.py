"""The stand-in for Calico's API server: projectcalico.org/v3 as a view of what crd.projectcalico.org/v1 holds."""
