"""What the inventory adds to kubeadm's work otherwise than it stands: deploy.py's to settle; an upgrade would do half of it. Pure.

kubeadm makes the new manifests of its ConfigMap and of the patches on the node (kubeadm: upgrade apply, --patches). Files that the
apiserver reads it does not write, and names in a certificate it takes from the old one.
"""

from kubepeer.intent import Intent, Node
from tasks.control_plane import certificate, settled
from tasks.control_plane.record import NOTHING, SettingsSeen
from tasks.control_plane.settings import PATCHES_FOLDER, Given


def found(intent: Intent, node: Node, given: Given, seen: SettingsSeen, stands: str) -> list[str]:
    """What differs, by name; in the form of the version that stands, since kubeadm's API has another one from 1.31 on.

    Args:
        intent: what is wanted.
        node: a member that has not been upgraded.
        given: what its apiserver reads.
        seen: what stands there.
        stands: the version that runs there.

    """
    software = intent.software.model_copy(update={"kubernetes": stands})
    before = intent.model_copy(update={"own_software": software})
    should = settled.wanted(before, node, given)
    told = [] if dict(should.patches) == dict(seen.patches) else [PATCHES_FOLDER]
    for one in should.files:
        file = seen.files.get(one.path)
        if file is None or file.content != one.text:
            told.append(one.path)
    digests = {**should.made_from, **(certificate.made_from(before, node) if node.role == "control_plane" else {})}
    for name, made_from in digests.items():
        recorded = seen.record.get(name)
        # of what is not recorded nobody knows, unless something is to be added to it
        differs = (
            name in should.made_from and made_from if recorded is None else recorded.made_from != (made_from or NOTHING)
        )
        if differs:
            told.append(name)
    return told
