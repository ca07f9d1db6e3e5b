"""The minor of Kubernetes after the one that clusters are built with, which no machine begins with: packages and images beside the others.

Its packages lie in a repository of their own, as each minor's do at pkgs.k8s.io. crictl and the CNI plugins in it are those of the
minor before: nothing of this Kubernetes asks for newer ones.
"""

from pathlib import Path

from lab.build.images import Image, coredns_image, etcd_image, kubernetes_images
from lab.build.kubernetes_packages import packages_of
from lab.build.programs import NEXT_COREDNS, NEXT_ETCD, NEXT_MINOR
from lab.build.repository import of_minor
from lab.build.rpm_packages import rpms_of
from lab.places import Cache

NAME = NEXT_MINOR.name
PROJECTS = (NEXT_MINOR, NEXT_ETCD, NEXT_COREDNS)
PACKAGES = packages_of(NEXT_MINOR)
RPM_REPOSITORIES = {of_minor(NEXT_MINOR.version, "rpm"): rpms_of(PACKAGES)}


def next_images(cache: Cache) -> list[Image]:
    """The images that kubeadm of it asks for and that the registry has not; pause is the same."""
    return [*kubernetes_images(cache, NEXT_MINOR), etcd_image(cache, NEXT_ETCD), coredns_image(cache, NEXT_COREDNS)]


def served(cache: Cache) -> tuple[Path, ...]:
    """The folders that the mirror serves its packages from."""
    return tuple(cache.served(of_minor(NEXT_MINOR.version, family)) for family in ("deb", "rpm"))
