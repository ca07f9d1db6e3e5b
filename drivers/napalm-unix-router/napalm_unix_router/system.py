"""Facts and pings: what the router's shell says into NAPALM's shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from napalm.base.models import FactsDict, PingResultDict

FACTS: Final = (
    "cat /proc/uptime",
    "hostname",
    "hostname -f",
    "cat /sys/class/dmi/id/product_name",
    "cat /sys/class/dmi/id/product_serial",
    "uname -m",
)

_REPLY = re.compile(r"from ([0-9a-fA-F.:]+?):? .*time[=<]([\d.]+) ms")
_COUNTS = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received")
_ROUND_TRIPS = re.compile(r"= ([\d.]+)/([\d.]+)/([\d.]+)(?:/([\d.]+))? ms")


def facts(vendor: str, version: str, interfaces: list[str], answers: Sequence[str]) -> FactsDict:
    """Shape the answers to FACTS, with what the daemon knows."""
    uptime, hostname, fqdn, product, serial, machine = (answer.strip() for answer in answers)
    return {
        "vendor": vendor,
        "os_version": version,
        "uptime": float(uptime.split()[0]),
        "hostname": hostname,
        "fqdn": fqdn or hostname,
        "model": product or machine,
        "serial_number": serial,
        "interface_list": interfaces,
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
