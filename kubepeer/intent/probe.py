"""A probing machine: it is asked to send traffic, and never changed. Pure."""

from kubepeer.intent.access import Access
from kubepeer.intent.section import Section
from kubepeer.intent.values import DnsName

GROUP = "probes"


class ProbeData(Section):
    """The keys under data: of a host in the group probes, or of the groups it is in."""

    access: Access = Access()


class Probe(Section):
    """A Linux machine outside of the cluster that tries what the cluster announces."""

    name: DnsName
    access: Access = Access()
