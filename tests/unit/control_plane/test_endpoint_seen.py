"""What stands of an endpoint on a node, read from real files by a real shell; and a provider that is not changed under a cluster."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import RefusedError
from kubepeer.run import Run
from tasks.control_plane import endpoint_seen, vrrp
from tasks.control_plane.endpoint import KEEPALIVED_FILE, MANIFESTS, plan_endpoint
from tasks.control_plane.endpoint_seen import EndpointSeen, another_provider
from tasks.control_plane.membership import KUBELET_CONF, MEMBER, MemberSeen
from tasks.control_plane.preflight import refuse_another_provider
from tasks.linux.observe import Answer
from tests.unit.control_plane.test_endpoint import content, nothing, placed

FIRST, SECOND = "k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-2"
NAMES = (FIRST, SECOND, "k8s-calico-master-10-31-90-3")


def looked_at(folder: Path) -> EndpointSeen:
    """What the question finds in a folder that stands for /etc."""
    question = endpoint_seen.QUESTION.replace("/etc/", f"{folder}/")
    said = subprocess.run(["/bin/sh", "-c", question], text=True, capture_output=True, check=False)
    assert said.stderr == ""
    return endpoint_seen.endpoint_seen(Answer(said.returncode, said.stdout))


def write(folder: Path, path: str, text: str) -> None:
    there = folder / path.removeprefix("/etc/")
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_text(text)


@pytest.mark.parametrize("password", [None, "A.z_9+=:", "vrrp-pw1"])
def test_what_was_placed_is_found_again(intent_of: Any, folder: Path, password: str | None) -> None:
    stands = placed(intent_of(), password)
    for path in plan_endpoint(intent_of(), intent_of().nodes[0], nothing(), password):
        write(folder, path.what, content(stands, path.what))
    assert looked_at(folder) == EndpointSeen(frozenset({"haproxy", "keepalived"}), True, password)  # noqa: FBT003
    assert looked_at(folder).provider == "keepalived"


def test_a_bare_machine_has_nothing(folder: Path) -> None:
    assert looked_at(folder) == EndpointSeen()
    assert looked_at(folder).provider is None


def test_a_keepalived_of_somebody_elses_says_nothing_of_ours(folder: Path) -> None:
    write(folder, KEEPALIVED_FILE, "vrrp_instance theirs {\n  authentication {\n    auth_pass theirs\n  }\n}\n")
    assert looked_at(folder) == EndpointSeen()


def test_the_pod_of_kube_vip_is_known(folder: Path) -> None:
    write(folder, f"{MANIFESTS}/kube-vip.yaml", "kind: Pod\n")
    assert looked_at(folder).provider == "kube-vip"


KEEPALIVED = EndpointSeen(frozenset({"haproxy", "keepalived"}), configured=True, password="sesame")


@pytest.mark.parametrize("provider", ["external", "kube-vip"])
def test_the_provider_of_a_cluster_that_lives_is_not_changed(intent_of: Any, provider: str) -> None:
    endpoint = {"provider": provider, "port": 6443}
    defaults = {"data": {"software": {"kube_vip_image": "kube-vip:v1"}}}
    intent = intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": endpoint}}}}, defaults_file=defaults)
    said = another_provider(intent, {FIRST: KEEPALIVED, SECOND: EndpointSeen()})
    assert said is not None
    message, cure = said
    assert message == (
        f"the API's endpoint is by keepalived on {FIRST}, the inventory says {provider}: "
        "deploy.py does not change it on a cluster that lives"
    )
    assert cure.startswith("cluster.endpoint.provider: keepalived; or ")
    assert "take haproxy and keepalived out of /etc/kubernetes/manifests on one control plane after the other" in cure
    assert another_provider(intent_of(), {FIRST: KEEPALIVED, SECOND: EndpointSeen()}) is None


def member(*leftovers: str, endpoint: EndpointSeen) -> MemberSeen:
    return MemberSeen(leftovers, api_ready=True, admin_conf="", ca="", kubeconfigs=("root",), endpoint=endpoint)


@pytest.mark.parametrize(("leftovers", "refused"), [((KUBELET_CONF,), True), ((), False)])
def test_it_is_refused_before_anything_is_changed_and_only_of_members(
    run_of: Any, intent_of: Any, leftovers: tuple[str, ...], *, refused: bool
) -> None:
    intent = intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": {"provider": "external"}}}}})
    run: Run = run_of(*NAMES, intent=intent)
    run.keep(MEMBER, member(*leftovers, endpoint=KEEPALIVED), of=FIRST)
    if not refused:
        refuse_another_provider(run)
        return
    with pytest.raises(
        RefusedError, match=r"^k8s-calico: the API's endpoint .* Nothing was changed on any host\. Cure:"
    ):
        refuse_another_provider(run)


def test_a_password_is_generated_once_where_no_control_plane_has_one(run_of: Any) -> None:
    run: Run = run_of(*NAMES)
    for name in NAMES:
        run.keep(MEMBER, member(endpoint=EndpointSeen()), of=name)
    password = vrrp.vrrp_password(run)
    assert password is not None
    assert len(password) == 8
    assert vrrp.vrrp_password(run) == password
    assert run.redactor.hide(password) == "********"
    assert {vrrp.new_password() for _ in range(100)} != {password}


@pytest.mark.parametrize(
    ("stands", "password"),
    [
        ((EndpointSeen(), KEEPALIVED, EndpointSeen(configured=True, password="other")), "sesame"),
        ((KEEPALIVED, EndpointSeen(), EndpointSeen()), "sesame"),
        ((EndpointSeen(configured=True), KEEPALIVED, KEEPALIVED), None),
    ],
    ids=["the_first_that_has_one", "the_first", "set_up_without"],
)
def test_what_the_control_planes_have_is_the_truth(
    run_of: Any, stands: tuple[EndpointSeen, ...], password: str | None
) -> None:
    run: Run = run_of(*NAMES)
    for name, one in zip(NAMES, stands, strict=True):
        run.keep(MEMBER, member(endpoint=one), of=name)
    assert vrrp.vrrp_password(run) == password


def test_a_control_plane_that_a_filter_left_out_is_asked(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run: Run = run_of(*NAMES)
    run.keep(MEMBER, member(endpoint=EndpointSeen()), of=SECOND)
    asked = []

    def seen(_run: Run, name: str) -> EndpointSeen | None:
        asked.append(name)
        return KEEPALIVED if name == FIRST else None

    monkeypatch.setattr(vrrp, "_seen", seen)
    assert vrrp.vrrp_password(run) == "sesame"
    assert asked == [FIRST]


def test_only_keepalived_has_one(run_of: Any, intent_of: Any) -> None:
    intent = intent_of(groups={"fabric": {"data": {"cluster": {"endpoint": {"provider": "external"}}}}})
    assert vrrp.vrrp_password(run_of(*NAMES, intent=intent)) is None
