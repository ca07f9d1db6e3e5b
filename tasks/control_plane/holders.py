"""Who holds the API's address: one control plane, and never two. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from kubepeer.checks import Finding
from kubepeer.intent import Intent
from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.linux.observe import Answer

CHECK = "endpoint"
QUESTIONS = {"addresses": "ip -o addr show"}


def has_address(answer: Answer, address: str) -> bool:
    """Whether a machine has the address on any interface: lines `2: eth0    inet 10.31.90.1/16 brd ...` of ip."""
    columns = (line.split() for line in answer.lines)
    return any(len(words) > 3 and words[3].partition("/")[0] == address for words in columns)  # noqa: PLR2004  the address


def finding(intent: Intent, host: str, seen: Mapping[str, bool | None]) -> Finding:
    """Exactly one control plane has the virtual IP; that of an external load balancer, none.

    Passes   one of those that could be asked has it (or none, while another could not be asked); with an external one, nobody.
    Fails    two have it: each answers ARP for it, and clients reach now the one, now the other; nobody has it.

    Args:
        intent: with the address and who answers there.
        host: in whose name it is said.
        seen: control plane -> whether it has the address; None where it could not be asked.

    """
    endpoint = intent.cluster.endpoint
    holders = tuple(name for name, holds in seen.items() if holds)
    unasked = [name for name, holds in seen.items() if holds is None]
    external = endpoint.provider == "external"
    ok = not holders if external else len(holders) == 1 or (not holders and bool(unasked))
    left_out = f"could not be asked: {', '.join(unasked)}" if unasked else ""
    said = (_reason(intent, holders) if not ok else "", left_out)
    return Finding(
        host,
        CHECK,
        str(endpoint.address),
        "kernel",
        ok,
        () if external else ("one control plane",),
        holders,
        reason="; ".join(filter(None, said)),
    )


def _reason(intent: Intent, holders: Sequence[str]) -> str:
    endpoint = intent.cluster.endpoint
    names = " and ".join(holders)
    devices = sorted({intent.node(name).interface for name in holders})
    take_away = f"ip addr del {endpoint.address}/{endpoint.length_of(endpoint.address)} dev {' or '.join(devices)}"
    if endpoint.provider == "external":
        return f"{names} has it on an interface, and it is the load balancer's: {take_away}"
    if not holders:
        return f"no control plane holds it: see why {endpoint.provider} does not run there (crictl ps -a, and its log)"
    if endpoint.provider == "kube-vip":
        lease = "kubectl -n kube-system get lease plndr-cp-lock says whose it is"
        return f"held by {names} at once: {lease}; on the other, restart kube-vip, or {take_away}"
    heard = (
        "" if endpoint.unicast else "where the network drops multicast (224.0.0.18), cluster.endpoint.unicast: true; "
    )
    firewall = "where a firewall drops VRRP, let IP protocol 112 in"
    return (
        f"held by {names} at once: they do not hear each other's VRRP, or it was added by hand: "
        f"{heard}{firewall}; else, where keepalived does not hold it, {take_away}"
    )


def show(console: Console, _run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """Print what is wrong with the endpoint, and what is worth knowing."""
    for line in lines(outcomes):
        console.print(line, soft_wrap=True, highlight=False)


def lines(outcomes: Sequence[PhaseOutcome]) -> Iterator[Text]:
    """A line for each finding about the endpoint that says something."""
    for outcome in outcomes:
        for host in outcome.hosts.values():
            for found in host.findings:
                if found.check == CHECK and found.reason:
                    mark, style = ("i", "dim") if found.ok else ("x", "red")
                    cure = f": {found.cure}" if found.cure else ""
                    yield Text(f" {mark} {found.subject}  {found.reason}{cure}", style=style)
