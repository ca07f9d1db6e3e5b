"""The machines, with their variables, from the file that the benchmark has written."""

import json
import os
from pathlib import Path

SSH = {
    "ssh_user": "root",
    "ssh_key": os.environ["PREPARATION_KEY"],
    "ssh_known_hosts_file": os.environ["PREPARATION_KNOWN_HOSTS"],
    "ssh_strict_host_key_checking": "yes",
}
GIVEN = json.loads(Path(os.environ["PREPARATION"]).read_text(encoding="utf-8"))

nodes = [(variables["ansible_host"], variables | SSH) for variables in GIVEN["all"]["hosts"].values()]
