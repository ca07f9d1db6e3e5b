"""The stand-in for calico-kube-controllers: what it does about nodes that are gone."""
