"""Where BIRD's configuration lies on a router: as Debian's package has it, unless the inventory says otherwise. Pure."""

from kubepeer.intent.model import ConfigurationFiles

MAIN = "/etc/bird/bird.conf"
OURS = "/etc/bird/conf.d/kubepeer.conf"


def main(files: ConfigurationFiles) -> str:
    """The file that BIRD starts with."""
    return files.main or MAIN


def ours(files: ConfigurationFiles) -> str:
    """The file of our own, which the main one includes."""
    return files.ours or OURS
