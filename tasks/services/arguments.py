"""The arguments of verify_services.py: how much traffic, and for how long. Pure."""

import argparse

CONNECTIONS, MOST_CONNECTIONS = 300, 20000  # one client has 28,232 ports for one address (net.ipv4.ip_local_port_range)
SECONDS, MOST_SECONDS = 10, 600
TIMEOUT, MOST_TIMEOUT = 2, 60  # a SYN that was lost is sent again after one second (RFC 6298)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add them to the command line."""
    parser.add_argument(
        "--connections",
        type=lambda text: _within(text, MOST_CONNECTIONS),
        default=CONNECTIONS,
        metavar="N",
        help=f"from each host outside to each load balancer address (default: {CONNECTIONS})",
    )
    parser.add_argument(
        "--seconds",
        type=lambda text: _within(text, MOST_SECONDS),
        default=SECONDS,
        metavar="N",
        help=f"open no further connection after so long (default: {SECONDS})",
    )
    parser.add_argument(
        "--timeout",
        type=lambda text: _within(text, MOST_TIMEOUT),
        default=TIMEOUT,
        metavar="SECONDS",
        help=f"that one connection has to its answer (default: {TIMEOUT})",
    )


def _within(text: str, most: int) -> int:
    number = int(text) if text.isdigit() else 0
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"a number from 1 to {most}")
    return number
