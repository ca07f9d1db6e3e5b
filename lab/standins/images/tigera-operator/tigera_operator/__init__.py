"""The stand-in for tigera-operator: turns Installation and APIServer into what deployers see of Calico."""
