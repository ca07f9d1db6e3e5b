"""Whether cloud-init owns /etc/hosts: the question, asked of a folder that stands for a machine."""

import re
import subprocess
from pathlib import Path

from tasks.nodes.hosts import QUESTION

ROOTS = re.compile(r"(?<= )/(?=(?:etc|var)/)")


def asked(root: Path) -> list[str]:
    done = subprocess.run(
        ["/bin/sh", "-c", ROOTS.sub(f"{root}/", QUESTION)], text=True, capture_output=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_machine_without_cloud_init_says_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path) == []


def test_the_last_line_is_that_which_counts(tmp_path: Path) -> None:
    lines = {
        "etc/cloud/cloud.cfg": "users: []\nmanage_etc_hosts: false\n",
        "etc/cloud/cloud.cfg.d/90-site.cfg": "# manage_etc_hosts: true\nmanage_etc_hosts: localhost\n",
        "var/lib/cloud/instance/cloud-config.txt": "#cloud-config\nmanage_etc_hosts : True\n",
    }
    for path, text in lines.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert asked(tmp_path) == ["manage_etc_hosts: false", "manage_etc_hosts: localhost", "manage_etc_hosts : True"]
