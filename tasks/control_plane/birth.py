"""May a cluster be born on the first control plane? Only where it is known that none stands. Pure.

kubeadm init beside a cluster that stands, and whose API cannot be used at this moment, makes a second one under the same address; and the
control planes of the first would be told to join the second. So a control plane that could not be asked counts as one that may hold it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.cluster import kubeconfig
from tasks.control_plane.membership import ADMIN_CONF, KUBELET_CONF, MemberSeen


@dataclass(frozen=True)
class Elsewhere:
    """What the other control planes hold of a cluster.

    Attributes:
        holders: names, each with the first file of a cluster that is there.
        unknown: names of those that could not be asked, each with the reason.

    """

    holders: Sequence[tuple[str, str]] = ()
    unknown: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Situation:
    """What is known when no API of a cluster could be used.

    Attributes:
        first: the name of the first control plane.
        address: of the API's endpoint, ADDRESS:PORT.
        here: what the first control plane says about itself.
        elsewhere: what the others hold.
        answered: the HTTP status that came from the address, asked from the first control plane; "" for none. Asked where some are unknown.
        rewriting: how an administrator's kubeconfig is written anew.
        replaced: the first control plane is to take the place of one that died: a cluster stands, whoever holds it.

    """

    first: str
    address: str
    here: MemberSeen
    elsewhere: Elsewhere = Elsewhere()
    answered: str = ""
    rewriting: str = ""
    replaced: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why no cluster is born, and the cure.

    Attributes:
        asked: the control plane that may know why the API does not answer; "" for none.

    """

    message: str
    cure: str
    asked: str = ""


def refusal(situation: Situation) -> Refusal | None:
    """Why kubeadm init would do harm; None where no cluster stands."""
    here = situation.here
    for name, found in situation.elsewhere.holders:
        return Refusal(
            f"{name} holds a control plane ({found}), but the API does not answer",
            "bring that control plane's apiserver and etcd back; a second cluster is not made over it",
            name,
        )
    if situation.elsewhere.unknown:
        return _unknown(situation)
    if situation.replaced:
        return Refusal(
            f"it is to be replaced, and no API that can be used answers at {situation.address}: kubeadm init would make a second cluster",
            "bring the API back; where no cluster stands any more, run again without --replace",
        )
    if not (KUBELET_CONF in here.leftovers and here.api_ready):
        return None
    if unusable := _unusable(here):
        return Refusal(f"the apiserver here is ready, but {ADMIN_CONF} {unusable}", situation.rewriting)
    return Refusal(
        f"the apiserver here is ready, but {situation.address} does not answer",
        "crictl ps -a | grep -E 'haproxy|keepalived' on the control planes, and their logs",
        situation.first,
    )


def _unknown(situation: Situation) -> Refusal:
    unknown = situation.elsewhere.unknown
    names = ", ".join(name for name, _ in unknown)
    cannot = f"{names} cannot be asked whether a cluster stands ({unknown[0][1]})"
    if situation.answered and not situation.here.leftovers:  # else it may be our own apiserver that answers
        return Refusal(
            f"{cannot}, and {situation.address} answers (HTTP {situation.answered}): one stands, and this control plane is not in it",
            f"let {names} be reached, and run again: this control plane joins then",
        )
    return Refusal(
        f"{cannot}, and no API that can be used answers at {situation.address}: kubeadm init here could make a second cluster beside it",
        f"bring {names} back, or put another machine in its place in hosts.yaml when it is gone for good; then run again",
    )


def _unusable(here: MemberSeen) -> str:
    if ADMIN_CONF not in here.leftovers:
        return "is not there"
    try:
        kubeconfig.credentials(here.admin_conf)
    except kubeconfig.UnusableError as error:
        return str(error)
    return ""
