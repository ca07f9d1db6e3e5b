"""Facts and pings: what the router's shell says into NAPALM's shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from napalm.base.models import FactsDict, PingResultDict

FACTS: Final = (
    "vtysh -c 'show version'",
    "vtysh -c 'show interface vrf all json'",
    "cat /proc/uptime",
    "hostname",
    "hostname -f",
    "cat /sys/class/dmi/id/product_name",
    "cat /sys/class/dmi/id/product_serial",
    "uname -m",
)

_VERSION = re.compile(r"FRRouting (\S+)")
_REPLY = re.compile(r"from ([0-9a-fA-F.:]+?):? .*time[=<]([\d.]+) ms")
_COUNTS = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received")
_ROUND_TRIPS = re.compile(r"= ([\d.]+)/([\d.]+)/([\d.]+)(?:/([\d.]+))? ms")


def facts(answers: list[str], interfaces: Mapping[str, Any]) -> FactsDict:
    """Shape the answers to FACTS."""
    version, _, uptime, hostname, fqdn, product, serial, machine = (answer.strip() for answer in answers)
    found = _VERSION.search(version)
    return {
        "vendor": "FRRouting",
        "os_version": found.group(1) if found else version.partition("\n")[0],
        "uptime": float(uptime.split()[0]),
        "hostname": hostname,
        "fqdn": fqdn or hostname,
        "model": product or machine,
        "serial_number": serial,
        "interface_list": sorted(interfaces),
    }


def ping_result(output: str) -> PingResultDict:
    """Shape the output of ping, iputils' or busybox'."""
    counts = _COUNTS.search(output)
    if not counts:
        return {"error": output.strip().splitlines()[0] if output.strip() else "ping said nothing"}
    sent, received = (int(count) for count in counts.groups())
    trips = _ROUND_TRIPS.search(output)
    least, mean, most, deviation = (float(part or 0) for part in trips.groups()) if trips else (0.0,) * 4
    return {
        "success": {
            "probes_sent": sent,
            "packet_loss": sent - received,
            "rtt_min": least,
            "rtt_max": most,
            "rtt_avg": mean,
            "rtt_stddev": deviation,
            "results": [{"ip_address": host, "rtt": float(time)} for host, time in _REPLY.findall(output)],
        }
    }
