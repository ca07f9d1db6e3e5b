"""The endpoint's and all nodes' names in /etc/hosts, also after a boot at which cloud-init writes that file anew. Pure."""

from collections.abc import Iterable, Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, block, file

HOSTS = "/etc/hosts"
# cloud-init takes that of the distribution's family (cloudinit/config/cc_update_etc_hosts.py); Ubuntu's is Debian's
TEMPLATE = "/etc/cloud/templates/hosts.debian.tmpl"
PATHS = (HOSTS, TEMPLATE)
KEY = "manage_etc_hosts"
# What the machine's maker and its user have said comes after the system's own files, and the last counts. No program without cloud-init.
QUESTION = f"""[ ! -d /etc/cloud ] || grep -shE '^[[:space:]]*{KEY}[[:space:]]*:' /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d/*.cfg \\
    /var/lib/cloud/instance/vendor-cloud-config.txt /var/lib/cloud/instance/cloud-config.txt; true"""
BY_TEMPLATE = ("true", "yes", "on", "1", "template")  # `localhost` changes the line of 127.0.1.1 alone


def lines(intent: Intent) -> tuple[str, ...]:
    """The endpoint's names and all nodes', a line an address: as many as there are nodes, and the same on each."""
    cluster = intent.cluster
    of_endpoint = (
        f"{address} {cluster.endpoint.name} {cluster.endpoint_name}" for address in cluster.endpoint.addresses
    )
    of_nodes = (f"{address} {node.name} {node.full_name}" for node in intent.nodes for address in node.addresses)
    return (*of_endpoint, *of_nodes)


def plan(names: Iterable[str], seen: Seen) -> Iterator[LinuxChange | None]:
    """The names in a block of ours; every other line stays. Where cloud-init owns the file, in its template, too.

    Args:
        names: lines().
        seen: what stands.

    """
    stands, template = seen.files[HOSTS], seen.files[TEMPLATE]
    yield file(HOSTS, block(stands.content if stands else "127.0.0.1 localhost\n", names, "kubepeer"), stands)
    if template and _by_cloud_init(seen):
        content = block(template.content, names, "kubepeer")
        yield file(TEMPLATE, content, template, mode=template.mode, owner=template.owner)


def _by_cloud_init(seen: Seen) -> bool:
    """Its configuration says so; or, where that came from elsewhere, the file itself: the template's head names the key."""
    said = seen["cloud init"].lines
    if said:
        value = said[-1].partition(":")[2].partition("#")[0]
        return value.strip().strip("'\"").lower() in BY_TEMPLATE
    stands = seen.files[HOSTS]
    return stands is not None and KEY in stands.content
