"""A node of Kubernetes before kubeadm, with pyinfra's operations."""

from pyinfra import host
from pyinfra.facts.server import Command
from pyinfra.operations import apt, dnf, files, server, systemd

given = host.data

lists = [files.put(src=item["src"], dest=item["dest"], mode=item["mode"]) for item in given.repositories]

if given.manager == "apt":
    apt.update(_if=lambda: any(one.did_change() for one in lists))
    apt.packages(
        packages=[*given.packages, *(f"{name}={version}" for name, version in given.pinned.items())],
        no_recommends=True,
        extra_install_args="-o Dpkg::Options::=--force-confold",
    )
    question = "dpkg-query -W -f '${Package} ${db:Status-Want}\\n' | sed -n 's/ hold$//p'"
    if not set(given.pinned) <= set((host.get_fact(Command, question) or "").split()):
        server.shell(commands=[f"apt-mark hold {' '.join(given.pinned)}"])
else:  # its repositories have one version of each; a version in a name would be taken for another package at each run
    dnf.packages(packages=[*given.packages, *given.pinned], extra_install_args="--setopt=install_weak_deps=False")

written = {item["dest"]: files.put(src=item["src"], dest=item["dest"], mode=item["mode"]) for item in given.files}
of_clock = [one for path, one in written.items() if "chrony" in path]

server.modprobe(module=given.modules)
for key, value in given.sysctls.items():
    server.sysctl(key=key, value=int(value))

systemd.service(service="containerd", restarted=True, _if=written["/etc/containerd/config.toml"].did_change)
systemd.service(service=given.time_unit, restarted=True, _if=lambda: any(one.did_change() for one in of_clock))
for unit in given.units:
    systemd.service(service=unit, running=True, enabled=True)
for unit in given.stopped:
    systemd.service(service=unit, running=False, enabled=False)
host.get_fact(Command, "chronyc waitsync 30 0 0 1 >/dev/null; true")
