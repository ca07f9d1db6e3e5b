"""Whether the registries hold the images of this very version, asked of their manifests. Pure."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

from kubepeer.intent import Intent, Node

DEFAULT_REGISTRY, DEFAULT_HOST = (
    "docker.io",
    "registry-1.docker.io",
)  # distribution's reference/normalize.go, containerd's docker hosts
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
OK, NOT_FOUND = "200", "404"
UNREACHED = ("curl 5", "curl 6", "curl 7", "curl 28")  # proxy or name not resolved, no connection, time is up
MEANINGS = {
    "curl 5": "the proxy's name does not resolve",
    "curl 6": "its name does not resolve",
    "curl 7": "no connection",
    "curl 28": "no answer in time",
}
# OCI distribution-spec, Pulling manifests: HEAD says whether it is there; a registry answers 404 to who does not name the form that it has
ACCEPTED = ",".join(
    f"application/vnd.{form}+json"
    for form in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
MANIFESTS = f"""command -v curl >/dev/null || {{ echo "cannot whether the images are there: no curl"; exit; }}
while read -r image url; do
    [ -n "$image" ] || continue
    ( code=$(curl -sIL -o /dev/null -w '%{{http_code}}' --connect-timeout 3 --max-time 8 -H 'Accept: {ACCEPTED}' "$url" 2>/dev/null) &&
        echo "image $image $code $url" || echo "image $image curl $? $url" ) &
done <<'IMAGES'
{{images}}
IMAGES
wait"""


def wanted(intent: Intent, node: Node) -> tuple[str, ...]:
    """The images whose names the inventory decides: kubeadm's of this version, the sandbox, the endpoint's."""
    software, provider = intent.software, intent.cluster.endpoint.provider
    names = (*CONTROL_PLANE, "kube-proxy") if node.role == "control_plane" else ("kube-proxy",)
    images = [f"{software.image_repository}/{name}:v{software.kubernetes}" for name in names]
    if node.role == "control_plane" and provider == "keepalived":
        images += [software.haproxy_image, software.keepalived_image]
    elif node.role == "control_plane" and provider == "kube-vip" and software.kube_vip_image:
        images.append(software.kube_vip_image)
    return (*images, software.pause_image)


def asked_of(intent: Intent, images: Iterable[str]) -> Iterator[str]:
    """Lines IMAGE URL: at the registry's mirror, where it has one, and at the registry itself, as containerd asks them."""
    for image in images:
        registry, repository, reference = parts_of(image)
        host = DEFAULT_HOST if registry == DEFAULT_REGISTRY else registry
        mirror = intent.registries.get(registry)
        asked = f"{repository}/manifests/{reference}"
        if mirror:
            api = mirror.url.rstrip("/") + ("" if mirror.override_path else "/v2")
            yield f"{shlex.quote(image)} {api}/{asked}?ns={registry}"
        yield f"{shlex.quote(image)} https://{host}/v2/{asked}"


def parts_of(image: str) -> tuple[str, str, str]:
    """Registry, repository, and tag or digest: docker.io/library/haproxy:2.6, also where it says haproxy:2.6."""
    first, slash, rest = image.partition("/")
    named = bool(slash) and (first == "localhost" or re.search(r"[.:]", first) is not None)
    registry, path = (first, rest) if named else (DEFAULT_REGISTRY, image)
    repository, at, digest = path.partition("@")
    name, _, tag = repository.rpartition(":") if ":" in repository.rpartition("/")[2] else (repository, "", "latest")
    if registry == DEFAULT_REGISTRY and "/" not in name:
        name = f"library/{name}"
    return registry, name, digest if at else tag


def reasons(images: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Images that nobody has, and registries that nobody reaches. Who wants a login or another CA first has not said no."""
    for image, places in sorted(images.items()):
        said = {url: " ".join(words) for *words, url in (place.split() for place in places)}
        if OK in said.values():
            continue
        unreached = all(code in UNREACHED for code in said.values())
        absent = [url for url, code in said.items() if code == NOT_FOUND]
        hosts = {url.split("/")[2]: code for url, code in said.items()}
        if unreached:
            told = ", ".join(f"{host}: {MEANINGS[code]}" for host, code in hosts.items())
            yield f"{image} cannot be had ({told}): correct registries, or let the nodes reach one"
        elif absent and all(code in (*UNREACHED, NOT_FOUND) for code in said.values()):
            where = ", ".join(url.split("/")[2] for url in absent)
            yield f"{where} has no {image}: put it there, or correct its name in software"
