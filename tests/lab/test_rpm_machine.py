"""The machine of rpm is what it says: Rocky by its release, dnf, rpm and firewalld, no apt; its repositories are signed."""

import pytest

from lab.build.rpm_packages import REPOSITORIES
from tests.lab.conftest import OwnersState
from tests.lab.laboratory import WORKERS, Laboratory

pytestmark = pytest.mark.lab
NODE = WORKERS[2]
MIRROR = "http://10.31.0.2"
ABSENT = "apt apt-get dpkg dpkg-query yum chronyd containerd runc kubelet kubeadm conntrack iptables tc socat ipset ipvsadm ethtool"
# A repository that is asked without a file on the machine; what dnf keeps lies below /run.
ASK = (
    "dnf --quiet --assumeyes --setopt=reposdir=/dev/null --setopt=cachedir=/run/lab-test --setopt=logdir=/run/lab-test "
    "--setopt=persistdir=/run/lab-test --repofrompath={name},{url} --setopt={name}.gpgcheck=1 --setopt={name}.repo_gpgcheck=1 "
    "--setopt={name}.gpgkey={key} {words}"
)


@pytest.fixture
def bare(lab: Laboratory, owners_states: dict[str, OwnersState]) -> Laboratory:
    """The machines before anything of ours is there."""
    assert owners_states
    return lab


def test_it_is_rocky_by_all_that_it_says_of_itself(bare: Laboratory) -> None:
    said = bare.inside(NODE, ". /etc/os-release && echo $ID $VERSION_ID $VERSION_CODENAME && cat /etc/redhat-release")
    assert said.splitlines() == ["rocky 9.6", "Rocky Linux release 9.6 (Blue Onyx)"]
    assert bare.inside(NODE, f"command -v {ABSENT}; true") == ""
    assert bare.inside(NODE, "rpm -q --whatprovides 'system-release(releasever)'").startswith("rocky-release-9.6-")
    assert bare.inside(NODE, "ls /etc/yum.repos.d") == ""


def test_firewalld_lets_in_nothing_but_ssh(bare: Laboratory) -> None:
    assert bare.inside(NODE, "firewall-cmd --state && systemctl is-enabled firewalld").split() == ["running", "enabled"]
    assert bare.inside(NODE, "firewall-cmd --list-services").split() == ["dhcpv6-client", "ssh"]
    assert bare.inside(NODE, "firewall-cmd --list-ports").strip() == ""


@pytest.mark.parametrize("place", REPOSITORIES)
def test_a_repository_has_its_packages_signed_and_in_the_form_of_the_public_ones(bare: Laboratory, place: str) -> None:
    url = f"{MIRROR}/{place}/"
    key = f"{url}repodata/repomd.xml.key"
    words = "repoquery --available --queryformat '%{name} %{version} %{release}'"
    try:
        ask = ASK.format(name="asked", url=url, key=key, words=words)
        found = sorted(bare.inside(NODE, ask).splitlines())
        package = REPOSITORIES[place][0]
        fetch = f"download --destdir=/run/lab-test {package.name}"
        bare.inside(NODE, ASK.format(name="asked", url=url, key=key, words=fetch))
        checked = bare.inside(
            NODE,
            f"mkdir /run/lab-test/db && curl -so /run/lab-test/key {key} && "
            "rpmkeys --dbpath=/run/lab-test/db --import /run/lab-test/key && "
            f"rpmkeys --dbpath=/run/lab-test/db --checksig /run/lab-test/{package.name}-*.rpm",
        )
    finally:
        bare.inside(NODE, "rm -rf /run/lab-test")
    wanted = sorted((each.name, each.version, each.release) for each in REPOSITORIES[place])
    # What has no version of its own has that of the Debian package whose files it holds.
    assert [
        (name, version * bool(each), release)
        for (name, version, release), (_, each, _) in zip(map(str.split, found), wanted, strict=True)
    ] == wanted
    assert checked.strip().endswith("digests signatures OK")
