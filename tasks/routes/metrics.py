"""A verification as metrics in the text format of Prometheus, for node_exporter's textfile collector.

Source: prometheus.io, "Exposition formats" (text format) and "Metric and label naming". Pure.
"""

from collections.abc import Iterable, Iterator, Mapping

from kubepeer.checks import Finding
from tasks.routes.checks import LAYERS, REMARK

Sample = tuple[Mapping[str, str], float]
Family = tuple[str, str, list[Sample]]  # its name, what it is, and its samples


def text(findings: Iterable[Finding], unread: Mapping[str, str], routers: Iterable[str], now: float) -> str:
    """All samples; each family with its help and type, in an order that does not depend on the run.

    Args:
        findings: of all routers.
        unread: router -> why it could not be read.
        routers: all that were to be asked.
        now: seconds since the epoch.

    """
    findings = list(findings)
    routes = [finding for finding in findings if finding.check in LAYERS.values()]
    sessions = [finding for finding in findings if finding.check == "session"]
    judged = [finding for finding in findings if finding.check not in (*LAYERS.values(), "session", REMARK)]
    families: list[Family] = [
        (
            "kubepeer_router_up",
            "Whether the router could be read (1) or not (0).",
            [({"router": name}, float(name not in unread)) for name in routers],
        ),
        (
            "kubepeer_session_ok",
            "Whether a node's BGP session is established and its routes are taken.",
            [({"router": one.host, "peer": one.subject}, float(one.ok)) for one in sessions],
        ),
        (
            "kubepeer_route_ok",
            "Whether a prefix has exactly the next hops that the cluster announces, in this layer of the router.",
            [(_route(one), float(one.ok)) for one in routes],
        ),
        (
            "kubepeer_route_next_hops",
            "Next hops of a prefix that this layer of the router uses.",
            [(_route(one), float(len(one.observed))) for one in routes],
        ),
        (
            "kubepeer_route_next_hops_expected",
            "Next hops of a prefix that the cluster announces.",
            [(_route(one), float(len(one.expected))) for one in routes],
        ),
        (
            "kubepeer_check_ok",
            "Whether another check has passed.",
            [({"host": one.host, "check": one.check, "subject": one.subject}, float(one.ok)) for one in judged],
        ),
        (
            "kubepeer_verification_ok",
            "Whether every check has passed and every router could be read.",
            [({}, float(not unread and all(one.ok for one in findings)))],
        ),
        ("kubepeer_verification_timestamp_seconds", "When this was written, since the epoch.", [({}, now)]),
    ]
    return in_text(families)


def in_text(families: Iterable[Family]) -> str:
    """Families of gauges in the text format, each with its help and type."""
    return "".join(line for family in families for line in _family(*family))


def _route(finding: Finding) -> dict[str, str]:
    return {"router": finding.host, "prefix": finding.subject, "layer": finding.layer}


def _family(name: str, about: str, samples: list[Sample]) -> Iterator[str]:
    if not samples:
        return
    yield f"# HELP {name} {about}\n# TYPE {name} gauge\n"
    for labels, value in {tuple(sorted(labels.items())): value for labels, value in samples}.items():
        said = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        yield f"{name}{{{said}}} {value:.15g}\n" if said else f"{name} {value:.15g}\n"


def _escaped(text: str) -> str:
    """A label's value: what a device has said may hold anything."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
