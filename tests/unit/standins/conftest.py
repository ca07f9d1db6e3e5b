"""The stand-ins are no part of the project's packages: they live in images, and are found here as they are there."""

import sys
from pathlib import Path

IMAGES = Path(__file__).parents[3] / "lab" / "standins" / "images"

FOLDERS = (
    "shared",
    "calico-node",
    "tigera-operator",
    "calico-apiserver",
    "calico-kube-controllers",
    "purelb-allocator",
)

for folder in FOLDERS:
    if str(IMAGES / folder) not in sys.path:
        sys.path.insert(0, str(IMAGES / folder))
