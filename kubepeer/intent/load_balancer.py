"""Who gives services of type LoadBalancer their addresses, and who announces these: the inventory's section load_balancer."""

from typing import Literal, Self

from pydantic import Field, model_validator

from kubepeer.intent.section import Section


class LoadBalancer(Section):
    """Who gives services of type LoadBalancer their addresses, and who announces these.

    Attributes:
        provider: of the addresses, out of networks.load_balancers.
        announced_by: `metallb`: by speakers of its own, and Calico's BGP is off.
        bgp: what MetalLB's speakers speak with, as its manifest has it.
        aggregation_length: of what MetalLB's speakers announce.
        communities: of what MetalLB's speakers announce: names of cluster.bgp.communities, or values.

    """

    provider: Literal["purelb", "metallb", "calico", "none"] = (
        "purelb"  # of the addresses, out of networks.load_balancers
    )
    announced_by: Literal["calico", "metallb"] = "calico"
    bgp: Literal["native", "frr", "frr-k8s"] = "native"
    aggregation_length: int = Field(default=32, ge=1, le=32)
    communities: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_announcer(self) -> Self:
        if self.announced_by == "metallb" and self.provider != "metallb":
            raise ValueError(f"MetalLB announces its own addresses alone, and the provider is {self.provider}")
        if self.speaks:
            return self
        for name in ("bgp", "aggregation_length", "communities"):
            if getattr(self, name) != LoadBalancer.model_fields[name].default:
                raise ValueError(f"{name} is of MetalLB's speakers: it needs announced_by: metallb")
        return self

    @property
    def speaks(self) -> bool:
        """Whether the load balancer speaks BGP itself, in Calico's place."""
        return self.announced_by == "metallb"
