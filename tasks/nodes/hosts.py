"""The endpoint's and all nodes' names in /etc/hosts, also after a boot at which cloud-init writes that file anew. Pure."""

from collections.abc import Iterator

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


def plan(intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
    """The names in a block of ours; every other line stays. Where cloud-init owns the file, in its template, too."""
    cluster = intent.cluster
    lines = [f"{address} {cluster.endpoint.name} {cluster.endpoint_name}" for address in cluster.endpoint.addresses]
    lines += [f"{address} {node.name} {node.full_name}" for node in intent.nodes for address in node.addresses]
    stands, template = seen.files[HOSTS], seen.files[TEMPLATE]
    yield file(HOSTS, block(stands.content if stands else "127.0.0.1 localhost\n", lines, "kubepeer"), stands)
    if template and _by_cloud_init(seen):
        content = block(template.content, lines, "kubepeer")
        yield file(TEMPLATE, content, template, mode=template.mode, owner=template.owner)


def _by_cloud_init(seen: Seen) -> bool:
    """Its configuration says so; or, where that came from elsewhere, the file itself: the template's head names the key."""
    said = seen["cloud init"].lines
    if said:
        value = said[-1].partition(":")[2].partition("#")[0]
        return value.strip().strip("'\"").lower() in BY_TEMPLATE
    stands = seen.files[HOSTS]
    return stands is not None and KEY in stands.content
