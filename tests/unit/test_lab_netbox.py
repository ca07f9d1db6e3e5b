"""NetBox's machine costs nobody anything who does not ask for it; its packages are pinned, and no file names where they come from."""

import re

from lab.build import netbox
from lab.places import CHECKOUT, FILES
from lab.topology import NETBOX, STANDARD, Role

REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+) \\$", re.MULTILINE)


def pinned() -> dict[str, str]:
    return dict(REQUIREMENT.findall(netbox.REQUIREMENTS.read_text(encoding="utf-8")))


def test_a_plain_lab_has_no_netbox() -> None:
    assert NETBOX not in STANDARD
    assert Role.NETBOX not in {machine.role for machine in STANDARD}


def test_every_package_is_pinned_and_has_a_hash_for_each_file() -> None:
    text = netbox.REQUIREMENTS.read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pinned()) > 50
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_what_was_pinned_is_what_is_asked_for() -> None:
    asked = (CHECKOUT / "lab/netbox/requirements.in").read_text(encoding="utf-8")
    assert f"netbox=={pinned()['netbox']}" in asked.splitlines()
    assert pinned()["psycopg-binary"] == pinned()["psycopg"]


def test_its_services_and_its_address_are_those_of_its_files() -> None:
    files = FILES / NETBOX.name
    assert {file.name for file in (files / "etc/systemd/system").iterdir()} == {*netbox.SERVICES}
    for name in ("opt/netbox/conf/configuration.py", "opt/netbox/gunicorn.py", "usr/local/lib/lab/netbox-first-start"):
        assert NETBOX.address in (files / name).read_text(encoding="utf-8")
