"""BIRD's second look: its protocols, and what its configuration says of passwords and of packets' lifetimes. Pure.

Sources: BIRD User's Guide 2.0, chapter 6.3 (BGP: `neighbor`, `password`, `ttl security`) and 6.6 (Kernel: `merge paths`).
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address

from napalm_bird import configuration, protocols
from napalm_bird import files as configuration_files
from napalm_bird.syntax import SyntaxRefused

from kubepeer.intent.families import IPV4, IPV6, Address
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer
from tasks.platforms.bird import files as site
from tasks.platforms.bird.birdc import BIRDC
from tasks.platforms.second_look import (
    ConfiguredPeer,
    Limit,
    RouterLook,
    digested,
    dropped,
    linux_questions,
    listens,
    near,
)

SHOWN = "birdc show protocols all"
SET = "password (set);"
OFF = ("off", "no", "0", "false")


def questions(salt: str, files: ConfigurationFiles) -> dict[str, str]:
    """One round trip."""
    every = configuration_files.command(site.main(files), "", hide=configuration_files.HIDE_KEYS)  # ours, too
    return {
        "configuration": digested(every, salt),
        "protocols": f"{BIRDC} show protocols all",
        "status": f"{BIRDC} show status",
        **linux_questions(),
    }


def look(answers: Mapping[str, Answer], files: ConfigurationFiles) -> RouterLook:
    """Read the answers; what cannot be read proves nothing."""
    main = site.main(files)
    whole = configuration_files.read(answers["configuration"].text, main).whole
    try:
        configured = {name: list(said) for name, said in configuration.bgp_protocols(whole)}
        kernels = configuration.kernels(whole)
    except SyntaxRefused:
        configured, kernels = {}, []
    listed = [one for one in protocols.protocols(answers["protocols"].text) if one.type == "BGP"]
    found = dict(_peers(listed, configured))
    limits = {
        version: _limit(one)
        for version, family in ((IPV4, "ipv4"), (IPV6, "ipv6"))
        for one in sorted(kernels, key=lambda one: one.merged)  # of several the one that merges
        if one.family == family and (one.merged or one.exports)
    }
    identity = next(
        (line.partition(" is ")[2].strip() for line in answers["status"].lines if line.startswith("Router ID is")), ""
    )
    return RouterLook(
        asked={"configuration": main, "neighbours": SHOWN},
        peers=found,
        maximum_paths=limits,
        router_id=identity,
        listens=listens(answers["listening"].lines),
        drops=dropped(answers["drops"].lines),
        near=near(answers["near"].lines),
    )


def _limit(kernel: configuration.Kernel) -> Limit:
    """How many equal paths a kernel protocol makes one route of; BIRD merges none unless it is told to."""
    where = f"protocol kernel {kernel.name}"
    if not kernel.merged:
        return Limit(1, f"{where}: merge paths is off", off=True, owners=f"write `merge paths on;` into {where}")
    owners = f"write `merge paths on limit NUMBER;` into {where}, with the number of nodes at least"
    return Limit(kernel.merged, f"{where}: merge paths on limit {kernel.merged}", owners=owners)


def _peers(
    listed: Sequence[protocols.Protocol], configured: Mapping[str, Sequence[Sequence[str]]]
) -> Iterator[tuple[Address, ConfiguredPeer]]:
    for one in listed:
        try:
            address = ip_address(one.neighbor)
        except ValueError:
            continue  # a protocol that waits for whoever comes
        yield address, _peer(address, one, configured.get(one.name))


def _peer(address: Address, one: protocols.Protocol, said: Sequence[Sequence[str]] | None) -> ConfiguredPeer:
    lines: dict[str, str] = {}
    password: str | None = None
    security: bool | None = None
    if said is not None:
        password, security = "", False
        for words in said:
            if words[0] == "password" and len(words) > 1:
                password = words[1].strip('"')
                lines["password"] = SET
            elif list(words[:2]) == ["ttl", "security"]:
                security = words[2:3] != [] and words[2] not in OFF
                lines["ttl"] = " ".join(words) + ";"
    remote = one.fields.get("Neighbor AS", "")
    local = one.fields.get("Local AS", "")
    if remote:
        lines["remote-as"] = f"Neighbor AS: {remote}"
    channel = one.channel(f"ipv{address.version}")
    if channel and channel.fields.get("Input filter"):
        lines["policy"] = f"Input filter: {channel.fields['Input filter']}"
    return ConfiguredPeer(
        remote_as=int(remote) if remote.isdigit() else None,
        local_as=int(local) if local.isdigit() else None,
        lines=lines,
        password=password,
        ttl_security=security,
        refused=channel.routes.get("filtered") if channel else None,
        said=one.fields.get("Last error", ""),
    )
