"""The page as a file: nothing from elsewhere, nothing that a device says is obeyed, no secret, and never larger than a browser likes."""

import base64
import hashlib
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from kubepeer.page.document import Page
from kubepeer.page.write import as_html
from kubepeer.secret import Redactor
from tests.unit.page.reported import BROKEN, HEALTHY, LARGE_NODES, deployment, large, verification, with_text

PAGES: dict[str, Callable[[], Page]] = {
    "healthy": lambda: verification(HEALTHY),
    "broken": lambda: verification(BROKEN),
    "deployment": deployment,
}
VOID = {"meta", "br", "input", "img", "link", "hr"}


def plain(text: str) -> str:
    return text


class Reader(HTMLParser):
    """The page's elements and texts; every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_asks_for_nothing_else(name: str) -> None:
    text = as_html(PAGES[name](), plain)
    read = Reader(text)
    assert len(read.ids) == len(set(read.ids))
    assert not [
        one for one in read.attributes if one[1] in ("src", "action", "background", "srcset") or one[1].startswith("on")
    ]
    assert {value for _, name, value in read.attributes if name == "href"} == {"#main"}
    assert not re.search(r"url\(|@import|https?://|fetch\(|XMLHttpRequest", text)


def test_only_the_pages_own_script_may_run() -> None:
    text = as_html(verification(BROKEN), plain)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', text)
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "</title></style></svg></pre><b>",
    "{{ page }}{% raw %}&lt;",
    "a\x1b[31mred\x07\x00\x9b",
    "a\u202etxt.exe\u2066",
    "&#60;script&#62;",
    "\ud800",
]


@pytest.mark.parametrize("said", HOSTILE)
def test_what_a_device_says_is_shown_and_not_obeyed(said: str) -> None:
    usual = Reader(as_html(with_text(verification(BROKEN), "a harmless word"), plain))
    shown = with_text(verification(BROKEN), said)
    text = as_html(shown, plain)
    text.encode("utf-8")
    read = Reader(text)
    assert {(tag, name) for tag, name, _ in read.attributes} <= {(tag, name) for tag, name, _ in usual.attributes}
    assert not set(text) & {*map(chr, range(32)), "\x9b", "\x7f", "\u202e", "\u2066"} - {"\n", "\t"}
    visible = re.sub("[\x00-\x1f\x7f-\x9f\u202e\u2066\ud800]", "\ufffd", said)
    assert sum(visible in one for one in read.texts) >= 5


SECRETS = ["s3cret", 'it\'s "so" <b>&', "%s{{x}}"]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_on_a_page(secret: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    text = as_html(with_text(verification(BROKEN), f"before {secret} after"), redactor.hide)
    read = Reader(text)
    assert not [one for one in (*read.texts, *(value for _, _, value in read.attributes)) if secret in one]
    assert "before ******** after" in text
    assert secret not in redactor.hide(as_html(with_text(verification(BROKEN), secret), plain))  # as it is escaped, too


def test_a_secret_that_is_a_word_of_the_page_breaks_nothing() -> None:
    redactor = Redactor()
    redactor.learn("dataset")
    text = as_html(verification(BROKEN), redactor.hide)
    assert "dataset.state" in text


@pytest.mark.parametrize("lost", [0, 3, LARGE_NODES])
def test_a_large_cluster_is_a_page_of_a_size_that_opens(lost: int) -> None:
    shown = large(lost)
    assert shown.picture
    assert len(shown.picture.nodes) == LARGE_NODES
    began = time.process_time()
    text = as_html(shown, plain)
    assert time.process_time() - began < 20
    assert len(text) < 4_000_000
    assert text.count('class="box node') == LARGE_NODES
    Reader(text)
