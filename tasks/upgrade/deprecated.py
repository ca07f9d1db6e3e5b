"""Which deprecated APIs somebody has asked for, by what the apiservers count. Pure.

Source: Kubernetes, "Deprecated API Migration Guide" and KEP 1635: the metric apiserver_requested_deprecated_apis with the labels group,
version, resource, subresource and removed_release; it is 1 where such a request has come since the apiserver began.
"""

import re
from collections.abc import Iterable

from kubepeer import versions

LABEL = re.compile(r'(\w+)="([^"]*)"')


def warnings(lines: Iterable[str], wanted: str) -> list[str]:
    """What somebody uses that the wanted version has no more: a line each.

    Args:
        lines: of the metric, of all apiservers.
        wanted: the version.

    """
    found = dict[str, str]()
    for line in lines:
        labels, value = dict(LABEL.findall(line)), line.rpartition(" ")[2].strip()
        removed = labels.get("removed_release", "")
        if value in ("", "0") or not re.fullmatch(r"\d+\.\d+", removed):
            continue
        if versions.number(removed) <= versions.number(versions.minor(wanted)):
            group = "/".join(filter(None, (labels.get("group", ""), labels.get("version", ""))))
            what = "/".join(filter(None, (labels.get("resource", ""), labels.get("subresource", ""))))
            found[f"{what} of {group}"] = removed
    return [
        f"somebody asks for {what}, which Kubernetes has no more from {removed} on: find who it is (the apiserver's audit log), and move it"
        " to the newer API first"
        for what, removed in sorted(found.items())
    ]
