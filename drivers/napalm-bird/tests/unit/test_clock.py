"""How long ago BIRD's times were."""

from __future__ import annotations

import pytest

from napalm_bird.clock import age, loaded

NOW = "2026-11-24 00:30:00.500"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:29:59.500", 1),
        ("00:30:00", 0),
        ("23:30:00.500", 3600),  # yesterday
        ("00:30:00.501", 0),  # times are rounded one by one
        ("2026-11-22", 2 * 86400 + 1800),
        ("2026-11-23 00:30:00", 86400),
        ("Tuesday", -1),
    ],
)
def test_ages(text: str, seconds: int) -> None:
    assert age(text, NOW) == seconds


def test_without_a_clock_there_is_no_age() -> None:
    assert age("00:00:00", "Tuesday noon") == -1


def test_a_configuration_is_named_by_when_it_was_read_after_the_start() -> None:
    status = " Current server time is {}\n Last reboot on 2026-11-24 15:13:13.075\n Last reconfiguration on {}\n"
    assert loaded(status.format(NOW, "2026-11-24 15:13:15.084")) == 2009
    assert loaded(status.format(NOW, "24.11.2026")) is None
