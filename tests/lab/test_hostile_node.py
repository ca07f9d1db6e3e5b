"""A node that announces what it must not: the routers' own filters and limits hold, whatever a node says."""

from collections.abc import Callable, Iterator

import pytest

from tests.lab.devices import Kubectl
from tests.lab.laboratory import ADDRESSES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Runbooks

pytestmark = pytest.mark.lab
NODE = WORKERS[2]
ADDRESS = ADDRESSES[NODE]
PEERS = {"openwrt": ("10.31.254.253", 64512), "tiny-unraid": ("10.31.100.100", 64516)}
SESSIONS = [f"Global_{address.replace('.', '_')}" for address, _ in PEERS.values()]
SESSION_SECONDS = 60
FOREIGN_PREFIXES = ("0.0.0.0/0", "10.0.0.0/8", "192.0.2.66/32", "10.33.0.0/16")
TOO_MANY = 10_000  # /32s of one pod block's neighbours, ten times what the inventory allows
FOLDER = "/var/run/calico"


def speaker() -> str:
    """A BIRD that says to both routers whatever stands in hostile.routes."""
    sessions = "\n".join(
        f"protocol bgp r{number} {{ local {ADDRESS} as 64517; neighbor {address} as {as_number}; connect delay time 1;\n"
        "  ipv4 { import none; export all; next hop self; }; }"
        for number, (address, as_number) in enumerate(PEERS.values())
    )
    routes = f'ipv4;\ninclude "{FOLDER}/hostile.routes";\n'  # BIRD looks for it at the beginning of a line
    return f"router id {ADDRESS};\nprotocol device {{ }}\nprotocol static {{ {routes} }}\n{sessions}\n"


@pytest.fixture
def announce(lab: Laboratory, healthy: Kubectl) -> Iterator[Callable[[str], None]]:
    """In place of the node's own speaker, one that announces the prefixes that a shell script prints; at the end the node's own is back."""
    pod = healthy.pod_on(NODE, "calico-system", "k8s-app=calico-node")
    begun: list[str] = []

    def begin(prefixes: str) -> None:
        for name in SESSIONS:
            healthy.birdc(NODE, f"disable {name}")
        lab.inside(NODE, f"{prefixes} | sed 's/.*/route & blackhole;/' >{FOLDER}/hostile.routes")
        lab.inside(NODE, f"cat >{FOLDER}/hostile.conf <<'END'\n{speaker()}END\n")
        command = f"exec bird -f -c {FOLDER}/hostile.conf -s {FOLDER}/hostile.ctl >/dev/null 2>&1 &"
        healthy("exec", "-n", "calico-system", pod, "--", "sh", "-c", command)
        begun.append(pod)

    yield begin
    for name in begun:
        healthy("exec", "-n", "calico-system", name, "--", "birdc", "-s", f"{FOLDER}/hostile.ctl", "down")
    gone = f"test ! -S {FOLDER}/hostile.ctl"  # its listening socket must be free before the node's own speaker asks for one
    wait_for("the hostile speaker has ended", lambda: lab.try_inside(NODE, gone).returncode == 0, SESSION_SECONDS)
    for router in ROUTERS:
        DEVICES[router].admit_again(lab, router, ADDRESS)
    for name in SESSIONS:
        healthy.birdc(NODE, f"enable {name}")


def established(lab: Laboratory, router: str, address: str) -> bool:
    session = DEVICES[router].session(lab, router, address)
    return session is not None and session.established


@pytest.mark.fault
@pytest.mark.usefixtures("cluster")
def test_foreign_prefixes_do_not_reach_the_table_and_the_session_stays(
    lab: Laboratory, announce: Callable[[str], None]
) -> None:
    own_pod = "10.33.99.7/32"  # inside the pods' network: accepted, and the sign that all has been heard
    announce(f"printf '%s\\n' {' '.join(FOREIGN_PREFIXES)} {own_pod}")
    for router in ROUTERS:
        wait_for(
            f"{router} has heard the node",
            lambda router=router: own_pod.removesuffix("/32") in lab.kernel(router, "route", "show", "10.33.99.7"),
            SESSION_SECONDS,
        )
        assert established(lab, router, ADDRESS)
        for prefix in FOREIGN_PREFIXES:
            assert ADDRESS not in lab.kernel(router, "route", "show", "exact", prefix)


@pytest.mark.fault
@pytest.mark.usefixtures("cluster")
def test_too_many_prefixes_close_the_session_of_that_node_alone_and_the_proof_says_so(
    lab: Laboratory, runbooks: Runbooks, announce: Callable[[str], None]
) -> None:
    announce(f"seq 0 {TOO_MANY - 1} | awk '{{printf \"10.33.%d.%d/32\\n\", 64 + $1 / 256, $1 % 256}}'")
    for router in ROUTERS:
        wait_for(
            f"{router} has closed the session",
            lambda router=router: DEVICES[router].is_cut_off(lab, router, ADDRESS),
            SESSION_SECONDS,
        )
        assert not established(lab, router, ADDRESS)
        others = [address for name, address in ADDRESSES.items() if name != NODE]
        assert all(established(lab, router, address) for address in others)
    answer = runbooks.verify("--output", "json").ended(1)
    lost = [check for check in answer.failures() if check["check"] == "session"]
    assert {(check["host"], check["subject"]) for check in lost} == {(router, ADDRESS) for router in ROUTERS}
    assert all("prefix" in check["reason"].lower() for check in lost), lost
