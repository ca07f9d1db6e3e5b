"""The report looked at in a real browser: what is in its window, what its filters do, how it is printed. No machine is needed."""

import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer.page.document import Page
from kubepeer.page.write import as_html
from lab import places, requirements
from lab.errors import LabError
from tests.conftest import unavailable, untouched
from tests.lab.browser import Browser, browser, layers
from tests.unit.page.reported import (
    BIRD,
    BROKEN,
    FRR,
    HEALTHY,
    LARGE_NODES,
    deployment,
    large,
    unreachable,
    verification,
)

PAGES: dict[str, Callable[[], Page]] = {
    "healthy": lambda: verification(HEALTHY),
    "broken": lambda: verification(BROKEN),
    "large": large,
    "deployment": deployment,
    "unreachable": unreachable,
}
WINDOW = (1280, 800)
SCHEMES = ("light", "dark")
# Every text that a person sees in the window without scrolling: of elements that nothing hides or covers.
IN_VIEW = """(() => {
  const seen = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  for (let node; (node = walker.nextNode());) {
    if (!node.data.trim() || !node.parentElement.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      const x = box.left + box.width / 2, y = box.top + box.height / 2;
      const inside = box.width > 0 && box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth;
      const top = inside && document.elementFromPoint(x, y);
      const own = node.parentElement;
      if (top && (own.contains(top) || top.contains(own))) { seen.push(node.data); break; }
    }
  }
  return seen.join(" ").replace(/\\s+/g, " ");
})()"""
# The least contrast of a text with what is behind it (WCAG 2.2, 1.4.3: 4.5 to 1), over all visible texts of the page.
LEAST_CONTRAST = """(() => {
  const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  let least = [21, ""];
  for (const one of document.querySelectorAll("main *:not(svg *), header *")) {
    if (![...one.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !one.checkVisibility()) continue;
    const ground = which => numbers(getComputedStyle(which).backgroundColor);
    let behind = one;
    while (behind.parentElement && ground(behind)[3] === 0) behind = behind.parentElement;
    const back = ground(behind);
    const a = light(numbers(getComputedStyle(one).color)), b = light(back);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < least[0]) least = [contrast, one.className + " " + one.textContent.slice(0, 40)];
  }
  return least;
})()"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the browser sees."""
    folder = tmp_path_factory.mktemp("pages")
    for name, made in PAGES.items():
        (folder / f"{name}.html").write_text(as_html(made(), str), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def page(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    try:
        requirements.check()
        roots = layers(places.cache())
    except LabError as error:
        unavailable(str(error))
    scratch = tmp_path_factory.mktemp("root")
    with browser(roots, pages, scratch, tmp_path_factory.mktemp("log") / "browser.log") as found:
        yield found


@pytest.fixture
def opened(page: Browser) -> Iterator[Callable[..., Browser]]:
    """Open a page in a window of a size, light or dark; at the end it must have had no complaint."""
    page.problems.clear()

    def opens(name: str, scheme: str = "light", size: tuple[int, int] = WINDOW) -> Browser:
        page.size(*size)
        page.prefers(scheme)
        page.open(f"{name}.html")
        return page

    yield opens
    page.value("1")  # whatever was said is here by now
    assert page.problems == []


def chosen(shown: Browser, control: str, value: str) -> None:
    """Choose in a list as a person does it: the page is told of a change."""
    shown.value(f"""(() => {{ const list = document.getElementById("{control}"); list.value = {value!r};
      list.dispatchEvent(new Event("change", {{ bubbles: true }})); }})()""")


def visible(shown: Browser, selector: str) -> int:
    count: int = shown.value(
        f"[...document.querySelectorAll('{selector}')].filter(one => one.checkVisibility()).length"
    )
    return count


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_worst_failure_is_in_the_first_view(opened: Callable[..., Browser], scheme: str) -> None:
    """Router, prefix, missing node and cause, at 1280 x 800 (issue 11, acceptance 5)."""
    seen = opened("broken", scheme).value(IN_VIEW)
    worst = verification(BROKEN).causes[0]
    node = untouched("today").nodes[-1].name
    assert worst.symptoms
    for wanted in (worst.host, worst.symptoms[0].subject, f"missing 10.31.90.6 ({node})", worst.reason, "failed"):
        assert wanted in seen
    assert opened("large", scheme).value(IN_VIEW).count("Hold Timer Expired") >= 1


@pytest.mark.parametrize("name", PAGES)
def test_the_picture_holds_every_node_and_router(opened: Callable[..., Browser], name: str) -> None:
    shown, drawn = opened(name), PAGES[name]().picture
    nodes = shown.value(
        "[...document.querySelectorAll('.node')].map(one => [one.dataset.node, one.getBBox().width > 5])"
    )
    assert nodes == [[box.name, True] for box in drawn.nodes] if drawn else nodes == []
    assert visible(shown, ".box.router") == (len(drawn.routers) if drawn else 0)
    if name == "large":
        assert len(nodes) == LARGE_NODES


def test_the_filter_leaves_one_router_and_one_state(opened: Callable[..., Browser]) -> None:
    shown = opened("broken")
    assert (
        visible(shown, ".cause"),
        visible(shown, "section.router"),
        visible(shown, "tbody tr[data-state=wrong]"),
    ) == (2, 2, 7)
    chosen(shown, "router", FRR)
    assert shown.value(
        "[...document.querySelectorAll('.cause')].filter(one => one.checkVisibility()).map(one => one.dataset.router)"
    ) == [FRR]
    assert visible(shown, "section.router") == 1
    assert shown.value("document.getElementById('shown').textContent") == "1 of 2 causes shown"
    chosen(shown, "state", "right")
    assert (visible(shown, ".cause"), visible(shown, "#matrix tr[data-state=wrong]")) == (0, 0)
    assert visible(shown, "#matrix tr[data-state=right]") == 5  # folded before
    chosen(shown, "router", "")
    chosen(shown, "state", "wrong")
    assert (visible(shown, ".cause"), visible(shown, "#matrix tr[data-state=right]")) == (2, 0)


def test_a_cause_of_several_hosts_stays_for_each_of_them(opened: Callable[..., Browser]) -> None:
    shown = opened("unreachable")
    assert shown.value("document.querySelector('.cause').dataset.router") == f"{FRR}|{BIRD}"
    for router, count in ((FRR, 1), (BIRD, 1), ("", 1)):
        chosen(shown, "router", router)
        assert visible(shown, ".cause") == count


def test_one_layer_can_be_looked_at_alone(opened: Callable[..., Browser]) -> None:
    shown = opened("broken")
    marks = visible(shown, "td.cell i")
    chosen(shown, "layer", "kernel")
    assert visible(shown, "td.cell i") == visible(shown, "td.cell i.kernel") == marks // 3


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PAGES)
def test_every_text_can_be_read(opened: Callable[..., Browser], name: str, scheme: str) -> None:
    contrast, where = opened(name, scheme).value(LEAST_CONTRAST)
    assert contrast >= 4.5, where


def test_the_switch_changes_light_and_dark_and_says_what_it_will_do(opened: Callable[..., Browser]) -> None:
    shown = opened("healthy", "dark")
    state = "[document.getElementById('theme').textContent, getComputedStyle(document.body).backgroundColor]"
    dark = shown.value(state)
    shown.value("document.getElementById('theme').click()")
    light = shown.value(state)
    assert (dark[0], light[0]) == ("Light", "Dark")
    assert dark[1] != light[1]
    shown.value("document.getElementById('theme').click(); localStorage.clear()")
    assert shown.value(state) == dark


def test_all_can_be_reached_by_the_keyboard(opened: Callable[..., Browser]) -> None:
    shown = opened("broken")
    reached = []
    for _ in range(40):
        for kind in ("rawKeyDown", "keyUp"):
            shown.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(
            shown.value(
                "document.activeElement.id || document.activeElement.tagName + document.activeElement.className"
            )
        )
    assert reached[0] == "Askip"
    controls = ["router", "state", "layer", "theme"]
    assert [one for one in reached if one in controls][: len(controls)] == controls  # after the last one it begins anew
    assert {"SUMMARY", "DIVscroll"} <= {*reached}


def test_light_dark_narrow_and_print_are_pictures_that_differ(opened: Callable[..., Browser]) -> None:
    pictures = {
        "light": opened("broken").screenshot(),
        "dark": opened("broken", "dark").screenshot(),
        "narrow": opened("broken", size=(360, 800)).screenshot(),
    }
    shown = opened("broken", "dark")
    shown.prefers("dark", "print")
    pictures["print"] = shown.screenshot()
    shown.prefers("dark")
    pictures["healthy"] = opened("healthy").screenshot()
    assert len({*pictures.values()}) == len(pictures)
    for name, picture in pictures.items():
        assert colours(picture) > 20, f"{name} is empty"


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_screen_scrolls_downwards_alone(opened: Callable[..., Browser], name: str) -> None:
    shown = opened(name, size=(360, 800))
    assert shown.value("document.documentElement.scrollWidth") <= 360


def test_on_paper_nothing_is_folded_or_dark(opened: Callable[..., Browser]) -> None:
    shown = opened("deployment", "dark")
    shown.value("dispatchEvent(new Event('beforeprint'))")
    shown.prefers("dark", "print")
    assert visible(shown, ".diff pre") == len(deployment().diffs)
    assert visible(shown, ".controls") == 0
    assert shown.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shown.value("dispatchEvent(new Event('afterprint'))")
    assert visible(shown, ".diff pre") == 0
    shown.prefers("dark")
    assert len(re.findall(rb"/Type\s*/Page\b", shown.printed())) >= 1


def colours(picture: bytes) -> int:
    """How many different pixels a PNG of eight bits a colour has, or enough of them (W3C: PNG, 9 Filtering; 11.2 Critical chunks)."""
    file, data, width, height, kind = io.BytesIO(picture[8:]), b"", 0, 0, 0
    while head := file.read(8):
        body = file.read(int.from_bytes(head[:4], "big"))
        file.read(4)
        if head[4:] == b"IHDR":
            width, height, kind = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"), body[9]
        if head[4:] == b"IDAT":
            data += body
    each = {2: 3, 6: 4}[kind]
    raw, line = zlib.decompress(data), 1 + width * each
    assert len(raw) == line * height
    found: set[bytes] = set()
    for start in range(0, len(raw), line):
        found |= {raw[place : place + each] for place in range(start + 1, start + line, each)}
    return len(found)


def test_screenshots_for_the_documentation(opened: Callable[..., Browser], pages: Path, tmp_path: Path) -> None:
    """The pictures of docs/images, made anew into the folder that KUBEPEER_SCREENSHOTS names; else into one of the test's own.

    They are of the reports of real runs, healthy.html and broken.html, in the folder that KUBEPEER_REPORTS names; else of recorded answers.
    """
    reports = Path(os.environ.get("KUBEPEER_REPORTS") or pages)
    for name in ("healthy", "broken"):
        (pages / f"pictured-{name}.html").write_bytes((reports / f"{name}.html").read_bytes())
    folder = Path(os.environ.get("KUBEPEER_SCREENSHOTS") or tmp_path)
    shots: dict[str, Any] = {
        "report-healthy": ("healthy", "light"),
        "report-broken": ("broken", "light"),
        "report-broken-dark": ("broken", "dark"),
    }
    for name, (which, scheme) in shots.items():
        (folder / f"{name}.png").write_bytes(opened(f"pictured-{which}", scheme).screenshot())
        assert (folder / f"{name}.png").stat().st_size < 200_000
