"""What the inventory points to and every control plane has: the key of the encryption at rest, the files for an external etcd."""

from collections.abc import Iterator
from pathlib import Path

from kubepeer.errors import InventoryError, KubepeerError
from kubepeer.intent import Node
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.control_plane import encryption
from tasks.control_plane.encryption import Provider, Scheme
from tasks.control_plane.record import SETTINGS
from tasks.control_plane.settings import ENCRYPTION_FILE, ETCD_CA, ETCD_CERTIFICATE, ETCD_KEY, Given
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell

KEY = Memory[Provider | None]("the key that is encrypted with")
ETCD_FILES = Memory[dict[str, str]]("the files for an external etcd")
LOST = Scheme({})  # of a member that cannot be asked: it reads nothing that is new


def given(run: Run, node: Node, members: frozenset[str]) -> Given:
    """What this control plane is given.

    Args:
        run: the running run.
        node: a control plane, a member or one that joins.
        members: full names of the nodes that the cluster has.

    Raises:
        KubepeerError: a secret cannot be read, or a file that stands cannot be carried on.

    """
    if node.role != "control_plane":
        return Given()
    scheme = _scheme(run, node, members)
    return Given(None if scheme is None else run.redactor.learn(scheme.text), etcd_files(run))


def key(run: Run) -> Provider | None:
    """The key of the inventory, read once and hidden from then on in all that is printed; None where nothing is encrypted."""
    source = run.intent.kubeadm.encryption

    def make() -> Provider | None:
        if source is None:
            return None
        secret = source.secret.read("the key of kubeadm.encryption", run.settings.folder)
        return encryption.wanted_key(source, run.redactor.learn(secret))

    return run.once(KEY, make)


def schemes(run: Run, members: frozenset[str]) -> dict[str, Scheme | None]:
    """Name -> what each control plane that is a member has; LOST of one that cannot be asked."""
    return dict(_schemes(run, members, None))


def _scheme(run: Run, node: Node, members: frozenset[str]) -> Scheme | None:
    wanted = key(run)
    every = dict(_schemes(run, members, node)) if encrypts(run) else {}
    own = every.pop(node.name, None)
    standing = list(every.values())
    source = run.intent.kubeadm.encryption
    resources = source.resources if source is not None else ()
    planned = encryption.scheme(own, standing, wanted, resources)
    if planned is not None and run.options.dry_run:  # what it comes to, in as many steps as it takes
        return encryption.scheme(planned, (), wanted, resources)
    return planned


def encrypts(run: Run) -> bool:
    """Whether something is to be encrypted, or was: a control plane that was looked at has an EncryptionConfiguration of ours."""
    seen = (run.recall(SETTINGS, of=node.name) for node in run.intent.control_planes)
    standing = any(one is not None and one.files.get(ENCRYPTION_FILE) is not None for one in seen)
    return standing or run.intent.kubeadm.encryption is not None


def _schemes(run: Run, members: frozenset[str], own: Node | None) -> Iterator[tuple[str, Scheme | None]]:
    for node in run.intent.control_planes:
        if node.full_name not in members and node != own:
            continue
        try:
            text = _text(run, node)
        except KubepeerError:
            if node == own:
                raise
            yield node.name, LOST
            continue
        scheme = encryption.read(text)
        for secret in scheme.secrets if scheme else ():
            run.redactor.learn(secret)
        yield node.name, scheme


def _text(run: Run, node: Node) -> str | None:
    """The file of a control plane as it stands now; one that was left out is asked, too: others must be able to read what it writes."""
    seen = run.recall(SETTINGS, of=node.name)
    if seen is None or node.name in run.changed:
        stands = ask(open_shell(run.nornir, node.name), {}, (ENCRYPTION_FILE,)).files[ENCRYPTION_FILE]
    else:
        stands = seen.files.get(ENCRYPTION_FILE)
    return stands.content if stands else None


def etcd_files(run: Run) -> dict[str, str]:
    """Path on a control plane -> text of the files for an external etcd, read once; none where etcd is on the control planes."""
    external = run.intent.kubeadm.external_etcd
    if external is None:
        return {}
    named = {ETCD_CA: external.ca_file, ETCD_CERTIFICATE: external.certificate_file, ETCD_KEY: external.key_file}

    def make() -> dict[str, str]:
        texts = {path: _read(run.settings.folder / Path(name).expanduser()) for path, name in named.items()}
        run.redactor.learn(texts[ETCD_KEY])
        return texts

    return run.once(ETCD_FILES, make)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InventoryError(f"kubeadm.external_etcd: {path}: {getattr(error, 'strerror', None) or error}") from error
