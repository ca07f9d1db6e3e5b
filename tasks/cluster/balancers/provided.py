"""The provider that the inventory names. Pure."""

from collections.abc import Mapping

from kubepeer.intent import Intent
from tasks.cluster.balancers.balancer import Balancer
from tasks.cluster.balancers.calico import Calico
from tasks.cluster.balancers.metallb import MetalLB
from tasks.cluster.balancers.nobody import Nobody
from tasks.cluster.balancers.purelb import PureLB

BALANCERS: Mapping[str, Balancer] = {"purelb": PureLB(), "metallb": MetalLB(), "calico": Calico(), "none": Nobody()}


def of(intent: Intent) -> Balancer:
    """Who gives the addresses."""
    return BALANCERS[intent.load_balancer.provider]
