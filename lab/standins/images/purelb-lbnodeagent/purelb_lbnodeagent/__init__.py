"""The stand-in for PureLB's lbnodeagent."""
