"""What EOS, IOS, NX-OS, Junos and VyOS are told, planned against somebody's configuration and against what a run has left there.

A case: `foreign` is somebody's configuration (foreign.conf where none is named), `before` the inventory of the run that has configured
the router (none: a router that has never seen us), `replace` what was changed by hand since, `inventory` and `password` what is wanted
now, `candidate` what is loaded, `taken_over` what goes of a node's neighbour that somebody has made.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hier_config import Platform, get_hconfig

from kubepeer.errors import RefusedError
from tasks.linux.templates import render
from tasks.platforms.indented import Hierarchical
from tasks.platforms.lines import lines_of, text_of
from tasks.platforms.platform import PLATFORMS, context
from tasks.platforms.set_statements import statements_of
from tests.conftest import LOADER

HOME = Path(__file__).parent
NAMES = ("eos", "ios", "nxos", "junos", "vyos")
CASES = {(name, file.stem): file for name in NAMES for file in sorted((HOME / name / "plans").glob("*.yaml"))}
# IOS takes the members of a group away with it, and a neighbour with its AS, which hier-config does not know
WHOLE_GROUP = {("ios", "an_as_for_each_rack"), ("ios", "one_as_again"), ("ios", "a_node_made_by_hand_in_our_vrf")}
INDENTED = [key for key in CASES if key[0] in ("eos", "ios", "nxos") and key not in WHOLE_GROUP]
HIDDEN = {"password ": "password 7 0837", 'authentication-key "': 'authentication-key "$9$hidden"; ## SECRET-DATA'}
every_case = pytest.mark.parametrize(("name", "case"), CASES, ids=[" ".join(key) for key in CASES])
every_platform = pytest.mark.parametrize("name", NAMES)


def read(name: str, case: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(CASES[name, case].read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  a safe loader, by libyaml
    return document


def foreign(name: str, document: Mapping[str, Any] | None = None) -> str:
    return (HOME / name / "plans" / (document or {}).get("foreign", "foreign.conf")).read_text(encoding="utf-8")


def wanted(name: str, intent: Any, running: str, password: str | None) -> str:
    return render(PLATFORMS[name].template, **context(intent, intent.router("openwrt"), running, password))


def intent(name: str, intent_of: Any, edits: Mapping[str, Any] | None) -> Any:
    asked = edits or {}
    hosts = {"openwrt": {"groups": [name]}, "tiny-unraid": None, **asked.get("hosts", {})}
    return intent_of(**{**asked, "hosts": hosts})


def overlaid(name: str, running: str, text: str) -> str:
    """A configuration after a run with this text, as the router would print it: a password is hidden where it hides them."""
    if "maximum-paths" in text:  # ours takes the place of the one that was too low
        running = re.sub(r"(?m)^ *(maximum-paths|ebgp) 2\n", "", running)
    if isinstance(PLATFORMS[name], Hierarchical):
        running = text_of([*lines_of(running), *lines_of(text)])
    else:
        running += text
    if PLATFORMS[name].hides_passwords:
        running = re.sub(r"(?m)(?<=[^,] )password (?!\d )\w+$", HIDDEN["password "], running)
        running = re.sub(r'authentication-key "tutorial.*', HIDDEN['authentication-key "'], running)
    return running


def running(name: str, document: Mapping[str, Any], intent_of: Any) -> str:
    text = foreign(name, document)
    if "before" in document:
        before = intent(name, intent_of, document["before"])
        text = overlaid(
            name, text, wanted(name, before, text, document.get("password_before", document.get("password")))
        )
    for old, new in document.get("replace", {}).items():
        assert text.count(old) == 1, (old, text)
        text = text.replace(old, new)
    return text


def candidate(name: str, document: Mapping[str, Any], intent_of: Any) -> str:
    now, text = intent(name, intent_of, document.get("inventory")), running(name, document, intent_of)
    router = now.router("openwrt")
    return PLATFORMS[name].candidate(now, router, wanted(name, now, text, document.get("password")), text)


@every_case
def test_a_router_is_told_what_leads_from_what_stands_to_what_is_wanted(name: str, case: str, intent_of: Any) -> None:
    document = read(name, case)
    assert candidate(name, document, intent_of) == document["candidate"]


@every_platform
def test_every_platform_has_the_cases_that_matter(name: str) -> None:
    stems = {stem for platform, stem in CASES if platform == name}
    assert stems >= {
        "a_router_that_has_never_seen_kubepeer",
        "a_second_run",
        "a_second_run_with_a_password",
        "a_node_that_left_the_inventory",
        "another_password",
        "an_as_for_each_rack",
        "a_filter_line_changed_by_hand",
    }
    assert read(name, "a_second_run")["candidate"] == read(name, "a_second_run_with_a_password")["candidate"] == ""


@every_case
def test_no_line_of_somebody_else_is_named(name: str, case: str, intent_of: Any) -> None:
    said = candidate(name, read(name, case), intent_of)
    assert not re.search(r"OFFICE|10\.31\.0\.9|10\.40\.|GUESTS|router-id|router id", said)


@pytest.mark.parametrize(("name", "case"), INDENTED, ids=[" ".join(key) for key in INDENTED])
def test_after_it_hier_config_sees_what_is_wanted_and_all_that_was_somebody_elses(
    name: str, case: str, intent_of: Any
) -> None:
    document: dict[str, Any] = read(name, case)
    kind = Platform[PLATFORMS[name].kind]  # type: ignore[attr-defined]
    text = running(name, document, intent_of)
    told = "\n".join(line for line in candidate(name, document, intent_of).splitlines() if line.strip() != "exit")
    after = get_hconfig(kind, text_of(lines_of(text))).future(get_hconfig(kind, told))
    paths = {tuple(child.path()) for child in after.all_children()}
    missing = {(*line.context, line.text) for line in lines_of(foreign(name, document))} - paths
    taken_over = set(document.get("taken_over", ()))  # of a node's own neighbour, made by hand
    assert {path[-1] for path in missing if "maximum-paths" not in path[-1]} <= taken_over
    now = intent(name, intent_of, document.get("inventory"))
    want = {(*line.context, line.text) for line in lines_of(wanted(name, now, text, document.get("password")))}
    assert {path for path in want - paths if "password" not in path[-1]} == set()


@pytest.mark.parametrize("name", ["junos", "vyos"])
def test_braces_and_set_lines_say_the_same(name: str) -> None:
    braces = list(statements_of(foreign(name)))
    lines = "\n".join("set " + " ".join(f'"{word}"' for word in one) for one in braces)
    assert list(statements_of(lines)) == braces
    assert len(braces) > 7


VRF_MADE = {
    "eos": "vrf instance {}",
    "ios": "ip vrf {}",
    "nxos": "vrf context {}",
    "junos": "set routing-instances {} instance-type vrf",
    "vyos": "set vrf name {} table 100",
}


@every_platform
def test_a_vrf_that_the_router_has_not_is_refused(name: str, intent_of: Any) -> None:
    now = intent(name, intent_of, {"groups": {name: {"data": {"peering": {"vrf": "CUSTOMERS"}}}}})
    text = foreign(name) + VRF_MADE[name].format("CUSTOMER") + "\n" + VRF_MADE[name].format("MGMT") + "\n"
    with pytest.raises(
        RefusedError, match=r"the router has no VRF CUSTOMERS; it has CUSTOMER, MGMT\. Nothing was changed"
    ):
        PLATFORMS[name].candidate(now, now.router("openwrt"), wanted(name, now, text, None), text)  # type: ignore[index]


def refused(name: str, intent_of: Any, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    text = foreign(name) + VRF_MADE[name].format("CUSTOMER") + "\n"
    earlier, later = intent(name, intent_of, before), intent(name, intent_of, now)
    text = overlaid(name, text, wanted(name, earlier, text, None))
    with pytest.raises(RefusedError) as raised:
        PLATFORMS[name].candidate(later, later.router("openwrt"), wanted(name, later, text, None), text)  # type: ignore[index]
    return str(raised.value)


OTHER_CLUSTER = {"groups": {"fabric": {"data": {"cluster": {"name": "k8s-other"}}}}}
NODES = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3)]
NODES += [f"k8s-calico-worker-10-31-90-{number}" for number in (4, 5, 6)]
OTHER_NODES = {"hosts": {node: {"hostname": f"10.31.91.{place}"} for place, node in enumerate(NODES, 1)}}


SHARED = ("eos", "nxos")  # their groups are the process's, and one for all VRFs


@pytest.mark.parametrize("name", SHARED)
def test_a_range_of_ours_in_another_vrf_is_refused(name: str, intent_of: Any) -> None:
    peering = {"neighbours": "dynamic", "vrf": "CUSTOMER"}
    before = {"groups": {name: {"data": {"peering": peering}}}}
    now = {"groups": {name: {"data": {"peering": {"neighbours": "dynamic"}}}}}
    assert "KUBEPEER has neighbours in VRF CUSTOMER" in refused(name, intent_of, before, now)
    assert "(10.31.0.0/16)" in refused(name, intent_of, before, now)


@every_platform
def test_another_inventory_that_has_our_names_on_the_router_is_refused(name: str, intent_of: Any) -> None:
    vrf = {"groups": {name: {"data": {"peering": {"vrf": "CUSTOMER"}}}}}
    both = {"groups": {**OTHER_CLUSTER["groups"], **vrf["groups"]}}
    for before, now in [(OTHER_CLUSTER, {}), ({}, OTHER_CLUSTER), (both, {}), (OTHER_CLUSTER, vrf), (both, vrf)]:
        assert "is that of another cluster, k8s-" in refused(name, intent_of, before, now)
    said = refused(name, intent_of, OTHER_NODES, {})
    assert "none of them is a node of this inventory (10.31.91.1, 10.31.91.2," in said


@pytest.mark.parametrize("name", SHARED)
def test_where_a_group_is_one_for_all_vrfs_its_members_are_in_one(name: str, intent_of: Any) -> None:
    vrf = {"groups": {name: {"data": {"peering": {"vrf": "CUSTOMER"}}}}}
    inside = "has neighbours in VRF CUSTOMER, and the inventory says outside all VRFs"
    assert inside in refused(name, intent_of, vrf, {})
    outside = "has neighbours outside all VRFs, and the inventory says in VRF CUSTOMER"
    assert outside in refused(name, intent_of, {}, vrf)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(SHARED)))
def test_where_each_vrf_has_a_group_of_its_own_the_other_one_is_left_alone(name: str, intent_of: Any) -> None:
    vrf = {"groups": {name: {"data": {"peering": {"vrf": "CUSTOMER"}}}}}
    before, now = intent(name, intent_of, None), intent(name, intent_of, vrf)
    text = foreign(name) + VRF_MADE[name].format("CUSTOMER") + "\n"
    text = overlaid(name, text, wanted(name, before, text, None))
    said = PLATFORMS[name].candidate(now, now.router("openwrt"), wanted(name, now, text, None), text)
    assert not re.search(r"(?m)^ *(no|delete) ", said)
    assert "CUSTOMER" in said


@every_platform
def test_a_router_in_another_as_is_refused(name: str, intent_of: Any) -> None:
    now = intent(name, intent_of, None)
    other = foreign(name).replace("64512", "65001")
    with pytest.raises(RefusedError, match=r"the router speaks BGP as AS 65001, the inventory says 64512"):
        PLATFORMS[name].candidate(now, now.router("openwrt"), wanted(name, now, other, None), other)


def test_an_as_path_list_of_somebody_else_under_our_number_is_refused(intent_of: Any) -> None:
    now = intent("ios", intent_of, None)
    taken = foreign("ios").replace("access-list 1 ", "access-list 464 ")
    with pytest.raises(RefusedError, match="AS-path list 464 is somebody else's"):
        PLATFORMS["ios"].candidate(now, now.router("openwrt"), wanted("ios", now, taken, None), taken)


ALL = {f"10.31.90.{number}" for number in range(1, 7)}
LEFT = {"hosts": {"k8s-calico-worker-10-31-90-6": None}}


@every_platform
def test_only_sessions_that_the_change_ends_on_purpose_may_go_down(name: str, intent_of: Any) -> None:
    text = running(name, {"before": {}}, intent_of)
    now, fewer = intent(name, intent_of, None), intent(name, intent_of, LEFT)
    platform = PLATFORMS[name]
    password = (
        '+ set protocols bgp group KUBEPEER authentication-key "x"'
        if name == "junos"
        else "+ neighbor KUBEPEER password x"
    )
    assert platform.may_go_down(now, now.router("openwrt"), text, "+ description x\n") == set()
    assert platform.may_go_down(fewer, fewer.router("openwrt"), text, "+ description x\n") == {"10.31.90.6"}
    assert platform.may_go_down(now, now.router("openwrt"), text, f"{password}\n") == ALL
    gone = {
        "eos": "-   neighbor 10.31.90.5 peer group KUBEPEER\n",
        "ios": "+no neighbor 10.31.90.5\n",
        "nxos": "+ no neighbor 10.31.90.5\n",
        "junos": "-    neighbor 10.31.90.5 {\n",
        "vyos": "delete protocols bgp neighbor 10.31.90.5\n",
    }
    assert platform.may_go_down(now, now.router("openwrt"), text, gone[name]) == {"10.31.90.5"}, "its coming is undone"


@pytest.mark.parametrize(
    ("name", "password"),
    [("bird", 'a"b'), ("eos", "a b"), ("ios", "a?b"), ("nxos", 'a"b'), ("junos", "a\\b"), ("vyos", "a'b")],
)
def test_a_password_that_a_platform_would_read_otherwise_is_refused(name: str, password: str, intent_of: Any) -> None:
    now = intent(name, intent_of, None)
    with pytest.raises(RefusedError, match=rf"^openwrt: the BGP password has a sign that {name} does not take: one of"):
        wanted(name, now, "", password)


def test_a_password_hides_no_change_where_somebody_took_our_description_away(intent_of: Any) -> None:
    document = {"before": {}, "password": "tutorial", "replace": {"nodes of k8s-calico, password 9d0d": "something"}}
    said = candidate("eos", document, intent_of)
    assert "description nodes of k8s-calico, password 9d0d" in said
    assert "password tutorial" in said


SET_STYLE = [key for key in CASES if key[0] in ("junos", "vyos")]


@pytest.mark.parametrize(("name", "case"), SET_STYLE, ids=[" ".join(key) for key in SET_STYLE])
def test_after_it_all_that_is_wanted_stands_and_all_that_was_somebody_elses(
    name: str, case: str, intent_of: Any
) -> None:
    document = read(name, case)
    text = running(name, document, intent_of)
    said = candidate(name, document, intent_of).splitlines()
    gone = [next(statements_of(line.replace("delete ", "set ", 1))) for line in said if line.startswith("delete ")]
    kept = {one for one in statements_of(text) if not any(one[: len(path)] == path for path in gone)}
    after = kept | {next(statements_of(line)) for line in said if line.startswith("set ")}
    theirs = set(statements_of(foreign(name, document)))
    taken_over = set(document.get("taken_over", ()))  # of a node's own neighbour, made by hand
    assert {" ".join(one) for one in theirs - after if one[-2] != "ebgp"} == taken_over
    want = set(
        statements_of(wanted(name, intent(name, intent_of, document.get("inventory")), text, document.get("password")))
    )
    hidden = {one for one in want | after if "authentication-key" in one}
    assert want - after - hidden == set()
    values = {one[:-1] for one in want}
    process_wide = {
        one for one in after if "maximum-paths" in one or "system" in one[:1] or one[-1:] == ("multipath-relax",)
    }
    assert {one for one in after - want - theirs - hidden - process_wide if one[:-1] not in values} == set()


@pytest.mark.parametrize("name", PLATFORMS)
def test_what_is_put_back_holds_the_nodes_that_have_left_since(name: str, intent_of: Any) -> None:
    """With all that was said of them, and without a line of somebody else's."""
    before, now = (
        intent(name, intent_of, None),
        intent(name, intent_of, {"hosts": {"k8s-calico-worker-10-31-90-6": None}}),
    )
    ours = wanted(name, before, "", None)
    others = foreign(name) if name in NAMES else ""
    put_back = PLATFORMS[name].owned(now, now.router("openwrt"), others + ours)
    assert said_of_nodes(put_back) == said_of_nodes(ours)
    assert "10.31.90.6" in put_back
    assert (name in NAMES) is ("OFFICE" in others)
    assert "OFFICE" not in put_back, "what its owner calls its own"


def said_of_nodes(text: str) -> list[str]:
    return sorted(
        line.strip().replace("'", "") for line in text.splitlines() if "10.31.90." in line or "10-31-90-" in line
    )


@every_platform
def test_a_filter_of_an_older_release_is_told_of_next_hops_and_no_session_ends(name: str, intent_of: Any) -> None:
    now = intent(name, intent_of, None)
    text = overlaid(name, foreign(name), wanted(name, now, foreign(name), None))
    if isinstance(PLATFORMS[name], Hierarchical):
        older = text_of(line for line in lines_of(text) if "KUBEPEER-HOP" not in " ".join((*line.context, line.text)))
    else:
        older = "".join(f"{line}\n" for line in text.splitlines() if "KUBEPEER-HOP" not in line)
    router, platform = now.router("openwrt"), PLATFORMS[name]
    said = platform.candidate(now, router, wanted(name, now, older, None), older)
    assert "KUBEPEER-HOP" in said
    assert not [line for line in said.splitlines() if line.strip().startswith(("no ", "delete "))]
    assert platform.may_go_down(now, router, older, "".join(f"+{line}\n" for line in said.splitlines())) == set()
