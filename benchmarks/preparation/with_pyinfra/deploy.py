"""A node of Kubernetes before kubeadm, with pyinfra's operations."""

from pyinfra import host
from pyinfra.facts.server import Command
from pyinfra.operations import apt, files, server, systemd

given = host.data

for item in given.repositories:
    lists = files.put(src=item["src"], dest=item["dest"], mode=item["mode"])
    apt.update(_if=lists.did_change)

apt.packages(
    packages=[*given.packages, *(f"{name}={version}" for name, version in given.pinned.items())],
    no_recommends=True,
    extra_install_args="-o Dpkg::Options::=--force-confold",
)

held = (
    host.get_fact(Command, "dpkg-query -W -f '${Package} ${db:Status-Want}\\n' | sed -n 's/ hold$//p'") or ""
).split()
if not set(given.pinned) <= set(held):
    server.shell(commands=[f"apt-mark hold {' '.join(given.pinned)}"])

written = {item["dest"]: files.put(src=item["src"], dest=item["dest"], mode=item["mode"]) for item in given.files}

server.modprobe(module=given.modules)
for key, value in given.sysctls.items():
    server.sysctl(key=key, value=int(value))

systemd.service(service="containerd", restarted=True, _if=written["/etc/containerd/config.toml"].did_change)
systemd.service(service="chrony", restarted=True, _if=written["/etc/chrony/sources.d/kubepeer.sources"].did_change)
for unit in given.units:
    systemd.service(service=unit, running=True, enabled=True)
