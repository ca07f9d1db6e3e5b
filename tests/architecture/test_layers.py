"""Who may know whom, read from the sources: the rules that keep plans pure and the lab outside."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DEVICES = {
    "nornir",
    "nornir_netmiko",
    "nornir_napalm",
    "nornir_utils",
    "nornir_jinja2",
    "napalm",
    "netmiko",
    "paramiko",
    "socket",
}
STARTS_PROGRAMS = {"subprocess"}
BALANCERS = ("balancer", "calico", "former", "manifest", "metallb", "metallb_peers", "nobody", "provided", "purelb")
PURE = (
    *(str(path.relative_to(CHECKOUT)) for path in sorted((CHECKOUT / "tasks/platforms").rglob("*.py"))),
    "tasks/access/account.py",
    "tasks/access/among_nodes.py",
    "tasks/access/diagnosis.py",
    "tasks/access/sshd.py",
    "tasks/access/sudoers.py",
    "tasks/batches.py",
    *(f"tasks/backup/{name}.py" for name in ("archive", "document", "keys", "names", "questions")),
    *(f"tasks/cluster/balancers/{name}.py" for name in BALANCERS),
    *(f"tasks/adopt/{name}.py" for name in ("found", "members", "networks", "peers", "selectors", "written")),
    *(f"tasks/certificates/{name}.py" for name in ("judge", "kinds", "pem", "questions", "reading", "renewal")),
    "tasks/cluster/comparison.py",
    "tasks/cluster/denial.py",
    "tasks/cluster/given_kubeconfig.py",
    "tasks/cluster/drained.py",
    "tasks/cluster/documents.py",
    "tasks/cluster/foreign.py",
    "tasks/cluster/kubeconfig.py",
    "tasks/cluster/manifests.py",
    "tasks/cluster/node_settings.py",
    "tasks/cluster/bgp_objects.py",
    "tasks/cluster/objects.py",
    "tasks/cluster/obstacles.py",
    "tasks/cluster/preflight.py",
    "tasks/cluster/refusal.py",
    "tasks/cluster/schema.py",
    "tasks/cluster/undeclared.py",
    "tasks/control_plane/api_servers.py",
    "tasks/control_plane/birth.py",
    "tasks/control_plane/certificate.py",
    "tasks/control_plane/cluster_configuration.py",
    "tasks/control_plane/containers.py",
    "tasks/control_plane/diagnosis.py",
    "tasks/control_plane/encryption.py",
    "tasks/control_plane/endpoint.py",
    "tasks/control_plane/endpoint_seen.py",
    "tasks/control_plane/etcd.py",
    "tasks/control_plane/etcd_state.py",
    "tasks/control_plane/holders.py",
    "tasks/control_plane/join_secrets.py",
    "tasks/control_plane/kube_vip.py",
    "tasks/control_plane/kubeadm.py",
    "tasks/control_plane/kubelet_configuration.py",
    "tasks/control_plane/manifests.py",
    "tasks/control_plane/kubeconfigs.py",
    "tasks/control_plane/membership.py",
    "tasks/linux/run_lock.py",
    "tasks/control_plane/record.py",
    "tasks/control_plane/settings.py",
    "tasks/control_plane/settled.py",
    "tasks/drain/alive.py",
    "tasks/drain/hops.py",
    "tasks/drain/plan.py",
    "tasks/drain/pods.py",
    "tasks/drain/safety.py",
    "tasks/linux/state.py",
    *(f"tasks/removal/{name}.py" for name in ("blocks", "etcd_data", "leftovers", "neighbours", "remaining", "safety")),
    "tasks/replacement/judge.py",
    *(f"tasks/reset/{name}.py" for name in ("files", "packages", "safety", "teardown")),
    *(f"tasks/restore/{name}.py" for name in ("data", "files", "progress")),
    *(
        f"tasks/upgrade/{name}.py"
        for name in (
            "containerd",
            "deprecated",
            "kubeadm",
            "packages",
            "seen",
            "skew",
            "snapshot",
            "together",
        )
    ),
    *(str(path.relative_to(CHECKOUT)) for path in sorted((CHECKOUT / "tasks/nodes/managers").rglob("*.py"))),
    "tasks/nodes/archives.py",
    "tasks/nodes/calicoctl.py",
    "tasks/nodes/clock.py",
    "tasks/nodes/cni.py",
    "tasks/nodes/comparison.py",
    "tasks/nodes/facts.py",
    "tasks/nodes/firewall.py",
    "tasks/nodes/firewalld.py",
    "tasks/nodes/forwarding.py",
    "tasks/nodes/hosts.py",
    "tasks/nodes/kernel.py",
    "tasks/nodes/openings.py",
    "tasks/nodes/packages.py",
    "tasks/nodes/plan.py",
    "tasks/nodes/preflight.py",
    "tasks/nodes/probe_reasons.py",
    "tasks/nodes/probed_images.py",
    "tasks/nodes/probes.py",
    "tasks/nodes/refusals.py",
    "tasks/nodes/repository.py",
    "tasks/nodes/selinux.py",
    "tasks/nodes/software.py",
    "tasks/nodes/completion.py",
    "tasks/nodes/given.py",
    "tasks/nodes/images.py",
    "tasks/nodes/proxy.py",
    "tasks/nodes/registries.py",
    "tasks/nodes/runtime.py",
    "tasks/nodes/units.py",
    "tasks/nodes/swap.py",
    "tasks/nodes/sysctls.py",
    "tasks/nodes/systems.py",
    "tasks/nodes/ufw.py",
    "tasks/etcd/plan.py",
    *(f"tasks/rotation/{name}.py" for name in ("carrying", "ends", "keepalived")),
    "tasks/routers/occupied.py",
    "tasks/routers/plan.py",
    "tasks/routers/secrets.py",
    "tasks/routers/sessions.py",
    "tasks/routes/case.py",
    *(
        f"tasks/routes/causes/{name}.py"
        for name in (
            "catalogue",
            "cause",
            "cluster_look",
            "explain",
            "node_look",
            "of_announcements",
            "of_api_servers",
            "of_both_ends",
            "of_errors",
            "of_intent",
            "of_nodes",
            "of_routers",
            "of_strangers",
            "of_tables",
        )
    ),
    "tasks/routes/checks.py",
    "tasks/routes/events.py",
    "tasks/routes/expected.py",
    "tasks/routes/failures.py",
    "tasks/routes/flaps.py",
    "tasks/routes/intended.py",
    "tasks/routes/leaks.py",
    "tasks/routes/from_inventory.py",
    "tasks/routes/node_routes.py",
    "tasks/routes/label_selectors.py",
    "tasks/routes/legible.py",
    "tasks/routes/live.py",
    "tasks/routes/matrix.py",
    "tasks/routes/metallb.py",
    "tasks/routes/metrics.py",
    "tasks/routes/path_attributes.py",
    "tasks/routes/pace.py",
    "tasks/routes/picture.py",
    "tasks/routes/quantities.py",
    "tasks/routes/reasons.py",
    "tasks/routes/recovery.py",
    "tasks/routes/rows.py",
    "tasks/routes/selection.py",
    "tasks/routes/services.py",
    "tasks/routes/router_ids.py",
    "tasks/routes/session_terms.py",
    "tasks/routes/snapshot.py",
    "tasks/routes/strangers.py",
    "tasks/routes/table.py",
    "tasks/routes/why.py",
    "tasks/services/answers.py",
    "tasks/services/arguments.py",
    "tasks/services/causes.py",
    "tasks/services/expectation.py",
    "tasks/services/judge.py",
    "tasks/services/looking.py",
    "tasks/services/matrix.py",
    "tasks/services/node_state.py",
    "tasks/services/script.py",
    "tasks/services/workload.py",
    "kubepeer_pytest/document.py",
    "kubepeer/change.py",
    "kubepeer/checks.py",
    *(f"kubepeer/explained/{name}.py" for name in ("hosts", "schema", "sections", "text", "tree")),
    "kubepeer/folding.py",
    "kubepeer/given.py",
    *(f"kubepeer/sources/{name}.py" for name in ("answers", "cluster", "entries", "mapping", "options", "racks")),
    "kubepeer/intent/abilities.py",
    "kubepeer/intent/advertisements.py",
    "kubepeer/intent/adopted.py",
    "kubepeer/intent/cluster_api.py",
    "kubepeer/intent/unsaid.py",
    "kubepeer/intent/access.py",
    "kubepeer/intent/between_nodes.py",
    "kubepeer/intent/as_numbers.py",
    "kubepeer/intent/bgp_features.py",
    "kubepeer/intent/balancing.py",
    "kubepeer/intent/combinations.py",
    "kubepeer/intent/contradiction.py",
    "kubepeer/intent/data.py",
    "kubepeer/intent/endpoint.py",
    "kubepeer/intent/additions.py",
    "kubepeer/intent/arguments.py",
    "kubepeer/intent/families.py",
    "kubepeer/intent/ipv6.py",
    "kubepeer/intent/kubeadm.py",
    "kubepeer/intent/node_settings.py",
    "kubepeer/intent/model.py",
    "kubepeer/intent/node_side.py",
    "kubepeer/intent/pool_rules.py",
    "kubepeer/intent/prefixes.py",
    "kubepeer/intent/racks.py",
    "kubepeer/intent/probe.py",
    "kubepeer/intent/reflectors.py",
    "kubepeer/intent/rpm.py",
    "kubepeer/intent/rules.py",
    "kubepeer/intent/section.py",
    "kubepeer/intent/values.py",
    "kubepeer/memory.py",
    "kubepeer/outcome.py",
    "kubepeer/page/collect.py",
    "kubepeer/page/document.py",
    "kubepeer/page/drawing.py",
    "kubepeer/page/hidden.py",
    "kubepeer/plan.py",
    "kubepeer/report.py",
    "kubepeer/versions.py",
    "kubepeer/words.py",
    "kubepeer/workers/names.py",
)
# These know the devices for a living; whoever takes a plain record or a type from them is judged by what it calls, not by them.
BORDERS = {
    "tasks.linux.observe",
    "tasks.linux.shell",
    "tasks.cluster.api",
    "kubepeer.phases",
    "kubepeer.run",
    "kubepeer.secret",
}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (CHECKOUT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a source names, at its top or within a function."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def top(name: str) -> str:
    return name.partition(".")[0]


def file_of(module: str) -> Path | None:
    base = CHECKOUT / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()), None)


def reached(path: Path) -> Iterator[Path]:
    """A source and all of ours that it imports, through all of theirs, up to the borders."""
    waiting, seen = [path], {path}
    while waiting:
        here = waiting.pop()
        yield here
        for module in imports(here):
            below = file_of(module) if module not in BORDERS else None
            if below and below not in seen:
                seen.add(below)
                waiting.append(below)


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_reaches_no_device_and_starts_nothing(name: str) -> None:
    for path in reached(CHECKOUT / name):
        known = {module for module in imports(path) if top(module) in DEVICES | STARTS_PROGRAMS}
        assert not known, f"{name} reaches {relative(path)}, which imports {', '.join(sorted(known))}"


def test_every_module_that_calls_itself_pure_is_in_the_list_above() -> None:
    pure = [
        relative(path)
        for path in sources("tasks", "kubepeer", "kubepeer_pytest")
        if (ast.get_docstring(tree(path)) or "").endswith("Pure.")
    ]
    assert len(pure) >= 10
    assert set(pure) <= set(PURE)


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_reads_no_clock_and_no_environment(name: str) -> None:
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    assert not re.search(r"\b(time\.(time|monotonic|sleep)|datetime\.now|os\.environ|getenv)\b", text)


@pytest.mark.parametrize("path", sources("kubepeer"), ids=relative)
def test_the_core_knows_neither_tasks_nor_drivers(path: Path) -> None:
    assert not {
        module
        for module in imports(path)
        if top(module) in {"tasks", "runbooks", "drivers", "napalm_frr", "kubepeer_pytest"}
    }


@pytest.mark.parametrize("path", sources("kubepeer", "kubepeer_pytest", "tasks", "runbooks", "drivers"), ids=relative)
def test_nothing_that_is_shipped_knows_the_lab_or_the_tests(path: Path) -> None:
    own_tests = {"tests"} if "tests" not in path.parts else set()
    assert not {module for module in imports(path) if top(module) in {"lab", *own_tests}}


SHIPPED = [
    *sources("kubepeer", "kubepeer_pytest", "tasks", "runbooks"),
    *sorted((CHECKOUT / "templates").rglob("*.j2")),
]


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_nothing_that_is_shipped_names_a_place_of_the_lab(path: Path) -> None:
    """The lab is reached through config.yaml alone."""
    assert not re.search(r"\blab/|kubepeer-lab|KUBEPEER_LAB", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sources("drivers"), ids=relative)
def test_a_driver_is_of_use_to_others_and_knows_nothing_of_kubepeer(path: Path) -> None:
    assert not {module for module in imports(path) if top(module) in {"kubepeer", "tasks"}}


TEMPLATES = sorted((CHECKOUT / "templates").rglob("*.j2"))


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_a_template_holds_no_program(path: Path) -> None:
    """Only what is written out, chosen and repeated: what is computed is computed in Python, where it has types and tests."""
    blocks = re.findall(r"{%-?\s*(\w+)", path.read_text(encoding="utf-8"))
    assert set(blocks) <= {"for", "endfor", "if", "elif", "else", "endif"}


def undocumented(path: Path) -> Iterator[str]:
    if not ast.get_docstring(tree(path)):
        yield "the module"
    yield from without_docstring(tree(path).body, "")


def without_docstring(body: list[ast.stmt], of: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{of}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from without_docstring(node.body, f"{node.name}.")


@pytest.mark.parametrize("path", sources("kubepeer", "kubepeer_pytest", "tasks", "runbooks"), ids=relative)
def test_every_public_thing_says_what_it_is(path: Path) -> None:
    assert list(undocumented(path)) == []


def keys_of(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield f"{above}.{key}", below
            yield from keys_of(below, f"{above}.{key}")
    elif isinstance(value, list):
        for below in value:
            yield from keys_of(below, above)


@pytest.mark.parametrize(
    "path", [*sorted((CHECKOUT / "inventory").glob("*.yaml")), CHECKOUT / "lab/defaults.yaml"], ids=relative
)
def test_no_password_stands_in_an_inventory(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    secrets = [
        (key, value)
        for key, value in keys_of(document)
        if re.search(r"\.(password|secret|passphrase|token|auth_pass)$", key)
    ]
    # a source, {env: …}, {file: …} or {command: …}, may stand there; a value may not
    assert not [key for key, value in secrets if not isinstance(value, dict)]


def requirements() -> list[str]:
    text = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def test_every_requirement_is_pinned_and_has_a_hash() -> None:
    assert len(requirements()) > 20
    for line in requirements():
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line[:80]


def test_the_requirements_name_no_address() -> None:
    text = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", text)
