"""A cluster that is put back from a backup, onto the control planes that were lost or onto new machines of the same names."""
