"""How the passwords of BGP go from one end to the other, on a cluster's API and on routers in memory; and what deploy.py says."""

import base64
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.change import Change
from kubepeer.errors import CommandError, RefusedError, UsageError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.cluster import waits
from tasks.control_plane.endpoint_seen import EndpointSeen
from tasks.control_plane.membership import KUBELET_CONF, MEMBER, MemberSeen
from tasks.platforms.seen import RouterSeen, Session
from tasks.rotation import exchange, look, order, refusal, selection
from tasks.rotation.look import NODES_CHANGE, ROUTER_CHANGES, SECRET_PATH

ROUTERS = ("openwrt", "tiny-unraid")
MASTERS = tuple(f"k8s-calico-master-10-31-90-{number}" for number in (1, 2, 3))


class Api:
    """A cluster's Secret and BGPPeers."""

    def __init__(self, secret: dict[str, str] | None, keys: dict[str, str | None]) -> None:
        self.secret, self.keys = secret, dict(keys)
        self.history: list[tuple[str, Any]] = []

    def get(self, path: str, *_: Any) -> Any:
        if path == SECRET_PATH:
            return self.secret and {
                "data": {key: base64.b64encode(value.encode()).decode() for key, value in self.secret.items()}
            }
        if path.endswith("/bgppeers"):
            return {"items": [{"metadata": {"name": name}, "spec": self._spec(key)} for name, key in self.keys.items()]}
        return {} if "rbac" in path else None

    def _spec(self, key: str | None) -> Any:
        return {"password": {"secretKeyRef": {"name": "kubepeer-bgp", "key": key}}} if key else {}

    def apply(self, _run: Run, _api: Any, manifests: Any) -> list[Change]:
        """As the API would."""
        made = []
        for one in manifests:
            name = one["metadata"]["name"]
            if one["kind"] == "Secret" and self.secret != one["stringData"]:
                self.secret = dict(one["stringData"])
                made.append(Change(f"Secret {name}", secret=True))
            elif one["kind"] == "BGPPeer":
                key = ((one["spec"].get("password") or {}).get("secretKeyRef") or {}).get("key")
                if self.keys.get(name) != key:
                    self.keys[name] = key
                    made.append(Change(f"BGPPeer {name}", "before", "after"))
        if made:
            self.history.append((next(change.what for change in made), dict(self.values())))
        return made

    def delete(self, path: str, *_: Any) -> None:
        self.history.append(("delete", path.rpartition("/")[2]))
        if path == SECRET_PATH:
            self.secret = None

    def values(self) -> dict[str, str | None]:
        return {name: key and (self.secret or {}).get(key) for name, key in self.keys.items()}


@pytest.fixture
def api() -> Api:
    return Api({"password": "old"}, dict.fromkeys(("openwrt-peer", "tiny-unraid-peer"), "password"))


@pytest.fixture
def begun(
    api: Api,
    run_of: Callable[..., Run],
    intent_of: Callable[..., Intent],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Run]:
    """A run with this password of BGP in the inventory; objects are applied to the API in memory."""

    for module in (look, exchange):
        monkeypatch.setattr(module, "open_api", lambda *_, **__: api)
    monkeypatch.setattr(exchange, "apply", api.apply)
    monkeypatch.setattr("tasks.rotation.exchange.time.sleep", lambda _: None)
    monkeypatch.setattr(exchange, "_right", lambda *_: ())
    monkeypatch.setattr(exchange, "_wrong", lambda *_: "")
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)

    def begin(password: str | None, vrrp: str | None = None, *, chosen: Any = None, **options: Any) -> Run:
        cluster: dict[str, Any] = {}
        for section, value in (("bgp", password), ("endpoint", vrrp)):
            if value is not None:
                (path := folder / section).write_text(value)
                path.chmod(0o600)
                cluster[section] = {"password": {"file": str(path)}}
        intent = intent_of(groups={"fabric": {"data": {"cluster": cluster}}} if cluster else {})
        return run_of(*MASTERS, *ROUTERS, intent=intent, chosen=chosen, **options)

    return begin


def task(name: str) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=name))


def up(*prefixes: Any) -> RouterSeen:
    peer: Any = "10.31.90.1"
    return RouterSeen(sessions={peer: Session(peer, "Established")}, bgp=dict.fromkeys(prefixes, ()))


def with_router(monkeypatch: pytest.MonkeyPatch, outcome: Callable[[Any], Any], *, carried: bool = True) -> None:
    """A router's change is this; whether others carry what it carries."""
    monkeypatch.setattr(
        exchange, "order_of", lambda *arguments: SimpleNamespace(other_end=arguments[4:] and arguments[4])
    )
    monkeypatch.setattr(exchange, "change_safely", lambda _task, _run, order: outcome(order))

    def refuse(_task: Any, _run: Any, router: Any) -> None:
        if not carried:
            raise RefusedError("while its sessions are down nobody has 10.33.128.0/18", host=router.name)

    monkeypatch.setattr(exchange, "_refuse_uncarried", refuse)


def both(order: Any) -> tuple[Change, ...]:
    """The router takes it, and the sessions come back."""
    order.other_end.change()
    order.other_end.came_back(4.2)
    return (Change("FRR configuration", unified="+ neighbor KUBEPEER password ********"),)


def neither(order: Any) -> tuple[Change, ...]:
    """The router takes it, and they do not."""
    order.other_end.change()
    order.other_end.undo()
    raise CommandError("after the change the session was up and is not; it was taken back, and so was the other end")


def to_change(run: Run, *names: str) -> None:
    for name in names:
        run.keep(ROUTER_CHANGES, (Change("configuration", unified="+x"),), of=name)
        run.keep(NODES_CHANGE, value=True, of=name)


def test_one_router_after_the_other_and_at_the_end_all_is_as_deploy_writes_it(
    api: Api, begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun("new")
    with_router(monkeypatch, both)
    to_change(run, *ROUTERS)
    exchange.bring(task(MASTERS[0]), run)
    assert set(api.values().values()) == {"old"}, "nobody has the new one yet"
    result = exchange.exchange(task("openwrt"), run)
    assert api.values() == {"openwrt-peer": "new", "tiny-unraid-peer": "old"}
    assert result.result == "its sessions were up again after 4.2 s"
    exchange.exchange(task("tiny-unraid"), run)
    exchange.keep(task(MASTERS[0]), run)
    assert (api.secret, set(api.keys.values())) == ({"password": "new"}, {"password"})
    for what, values in api.history:
        changed = [name for name, value in values.items() if value not in ("old", "new")]
        assert not changed, (what, values)
    assert next(iter(order.lines(run))) == "1. openwrt: the router and its nodes, sessions up again after 4.2 s"


def test_where_the_sessions_do_not_come_back_the_next_router_is_not_touched(
    api: Api, begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun("new")
    with_router(monkeypatch, neither)
    to_change(run, *ROUTERS)
    exchange.bring(task(MASTERS[0]), run)
    with pytest.raises(CommandError, match="and so was the other end"):
        exchange.exchange(task("openwrt"), run)
    assert set(api.values().values()) == {"old"}
    with pytest.raises(CommandError, match="not touched: the password was not changed on openwrt"):
        exchange.exchange(task("tiny-unraid"), run)


@pytest.mark.parametrize("fault", [CommandError("it was taken back"), ConnectionError("reset by peer"), KeyError("x")])
def test_whatever_a_driver_raises_the_next_router_is_not_touched(
    fault: Exception, begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_order: Any) -> tuple[Change, ...]:
        raise fault

    run = begun("new")
    with_router(monkeypatch, broken)
    to_change(run, *ROUTERS)
    exchange.bring(task(MASTERS[0]), run)
    with pytest.raises(type(fault)):
        exchange.exchange(task("openwrt"), run)
    with pytest.raises(CommandError, match="not touched: the password was not changed on openwrt"):
        exchange.exchange(task("tiny-unraid"), run)


def test_a_router_that_nobody_stands_in_for_is_refused(api: Api, begun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun("new")
    with_router(monkeypatch, both, carried=False)
    to_change(run, *ROUTERS)
    exchange.bring(task(MASTERS[0]), run)
    with pytest.raises(RefusedError, match="nobody has"):
        exchange.exchange(task("openwrt"), run)
    assert set(api.values().values()) == {"old"}


@pytest.mark.parametrize("word", ["", "--alone"])
def test_who_carries_is_asked_of_the_others(word: str, begun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun("new", further={"alone": bool(word)})
    monkeypatch.setattr("tasks.rotation.exchange.routes.look", lambda *_: up())
    monkeypatch.setattr(exchange, "_look", lambda *_: up())
    prefix = SimpleNamespace(prefix=ip_network("10.33.128.0/18"))
    monkeypatch.setattr(exchange, "what_is_announced", lambda *_: SimpleNamespace(routes=[prefix]))
    if not word:
        with pytest.raises(RefusedError, match=r"nobody has 10.33.128.0/18 .*--alone"):
            exchange._refuse_uncarried(task("openwrt"), run, run.intent.router("openwrt"))
    else:
        exchange._refuse_uncarried(task("openwrt"), run, run.intent.router("openwrt"))


@pytest.mark.parametrize("old", ["router", "nodes"])
def test_cut_off_between_the_two_ends_the_other_one_follows(
    old: str, api: Api, begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun("new")
    changed: list[Any] = []

    def alone(order: Any) -> tuple[Change, ...]:
        changed.append(order)
        return (Change("configuration", unified="+x"),)

    with_router(monkeypatch, alone)
    api.secret = {"password": "old", "next-1": "new"}
    api.keys["openwrt-peer"] = "password" if old == "nodes" else "next-1"
    run.keep(ROUTER_CHANGES, (Change("configuration", unified="+x"),) if old == "router" else (), of="openwrt")
    exchange.exchange(task("openwrt"), run)
    assert bool(changed) is (old == "router")
    assert api.values() == {"openwrt-peer": "new", "tiny-unraid-peer": "old"}


def test_a_first_password_and_none_any_more(api: Api, begun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with_router(monkeypatch, both)
    api.secret, api.keys = None, dict.fromkeys(api.keys, None)
    run = begun("new")
    to_change(run, *ROUTERS)
    exchange.bring(task(MASTERS[0]), run)
    for name in ROUTERS:
        exchange.exchange(task(name), run)
    exchange.keep(task(MASTERS[0]), run)
    assert api.values() == dict.fromkeys(api.keys, "new")
    run = begun(None)
    to_change(run, *ROUTERS)
    assert exchange.bring(task(MASTERS[0]), run).result == ""
    for name in ROUTERS:
        exchange.exchange(task(name), run)
    exchange.keep(task(MASTERS[0]), run)
    assert api.get(SECRET_PATH) is None
    assert api.keys == dict.fromkeys(api.keys)
    assert [what for kind, what in api.history if kind == "delete"] == ["kubepeer-bgp"] * 3


def test_the_usual_key_is_not_written_while_a_router_has_the_old_one(
    api: Api, begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_router(monkeypatch, both)
    api.secret, api.keys["openwrt-peer"] = {"password": "old", "next-1": "new"}, "next-1"
    with pytest.raises(CommandError, match="the nodes have another password for tiny-unraid"):
        exchange.keep(task(MASTERS[0]), begun("new"))
    assert api.secret["password"] == "old"


def member(password: str | None) -> MemberSeen:
    seen = EndpointSeen(frozenset({"keepalived"}), configured=True, password=password)
    return MemberSeen((KUBELET_CONF,), api_ready=True, admin_conf="", ca="", kubeconfigs=(), endpoint=seen)


@pytest.mark.parametrize(
    ("bgp", "vrrp", "standing", "chosen", "says"),
    [
        ("old", None, ("a", "a", "a"), None, ""),
        (
            "new",
            None,
            ("a", "a", "a"),
            None,
            "for openwrt, tiny-unraid: deploy.py would end all of these sessions at once",
        ),
        (None, None, ("a", "a", "a"), None, "for openwrt, tiny-unraid"),
        ("new", None, ("a", "a", "a"), ["openwrt"], "for openwrt, tiny-unraid"),
        ("new", None, ("a", "a", "a"), ["k8s-calico-worker-10-31-90-4"], ""),
        ("old", "b", ("a", "a", "a"), None, f"is not the one of {', '.join(MASTERS)}"),
        ("old", "b", ("b", "a", "b"), None, f"is not the one of {MASTERS[1]}"),
        ("old", "b", ("b", "b", "b"), None, ""),
        ("old", "b", ("a", None, None), None, ""),
    ],
)
def test_deploy_refuses_another_password_of_a_cluster_that_lives(
    bgp: str | None, vrrp: str | None, standing: Any, chosen: Any, says: str, api: Api, begun: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run = begun(bgp, vrrp, chosen=chosen)
    monkeypatch.setattr(refusal, "api_if_there", lambda _: api)
    for name, password in zip(MASTERS, standing, strict=True):
        if password is not None:
            run.keep(MEMBER, member(password), of=name)
    if not says:
        refusal.refuse_other_passwords(run)
        return
    with pytest.raises(RefusedError) as caught:
        refusal.refuse_other_passwords(run)
    told = str(caught.value)
    assert says in told
    assert "Nothing was changed on any host. Cure: python runbooks/rotate_passwords.py" in told


def test_where_no_cluster_is_yet_nothing_is_refused(api: Api, begun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal, "api_if_there", lambda _: None)
    refusal.refuse_other_passwords(begun("new", "b"))
    api.keys = {}
    monkeypatch.setattr(refusal, "api_if_there", lambda _: api)
    refusal.refuse_other_passwords(begun("new", "b"))


def test_hosts_and_groups_mean_nothing(intent_of: Any) -> None:
    with pytest.raises(UsageError, match="a password has two ends"):
        selection.whole(SimpleNamespace(groups=(), hosts=("openwrt",)), intent_of())  # type: ignore[arg-type]


def test_the_holder_of_the_address_is_last(begun: Any) -> None:
    run = begun("new", "b")
    run.keep(selection.HOLDER, MASTERS[0])
    assert selection.holder_last(run, MASTERS) == [[MASTERS[1]], [MASTERS[2]], [MASTERS[0]]]
    assert list(selection.virtual_routers(begun("new"))) == []
