"""The page in a real browser: nothing is loaded, nothing foreign runs, everybody can read it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from flows.report.gather import Facts
from flows.report.history import QUERY, RUN
from flows.report.page import render

EVIL = "<script>window.hacked = 1</script>\"'><img src=x onerror='window.hacked = 1'>"
AT = "2024-06-06T18:00:00.000+00:00"
FITS = """[...document.querySelectorAll('.chart')].every((chart) => {
    const spare = chart.clientWidth - chart.querySelector('svg').clientWidth;
    return spare >= 0 && (spare < 30 || chart.id === 'chart-stages');
})"""


@pytest.fixture(scope="module")
def page_file(facts: Facts, library: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the shared lake, with a query so that no section is empty."""
    told = replace(facts, queries=[QUERY | {"at": AT, "sql": EVIL}])
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(told, library), encoding="utf-8")
    return path


def until(page: Page, expression: str) -> None:
    """Ask again until it is true; `wait_for_function` would break the page's rules for scripts."""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


@contextmanager
def opened(browser: Browser, path: Path, width: int, scheme: str) -> Iterator[Page]:
    """The page with its charts drawn; any request, error or warning of it fails the test."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    bad: list[str] = []
    page.on("console", lambda message: bad.append(message.text))
    page.on("pageerror", lambda error: bad.append(str(error)))
    page.on("request", lambda request: bad.append(request.url))
    page.goto(path.as_uri())
    expect(page.locator(".chart:not(:has(svg))")).to_have_count(0)
    yield page
    assert bad == [path.as_uri()]
    page.close()


def test_the_document_loads_nothing(page_file: Path) -> None:
    text = re.sub(r"<script.*?</script>", "", page_file.read_text(encoding="utf-8"), flags=re.S)
    assert "default-src &#39;none&#39;" in text
    assert "unsafe" not in text
    for attribute in ("src", "href", "srcset", "action", "data", "poster"):
        for target in re.findall(rf"<[a-z]+[^<>]*\s{attribute}=\"([^\"]*)\"", text):
            assert target.startswith("#"), target
    assert "@import" not in text and "url(" not in text


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readable_at_every_width(
    browser: Browser, page_file: Path, tmp_path: Path, scheme: str
) -> None:
    with opened(browser, page_file, 1400, scheme) as page:
        for width in (1400, 390):
            page.set_viewport_size({"width": width, "height": 900})
            # Each chart takes the width that it has now, and no more.
            until(page, FITS)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            results = Axe().run(page)
            found = {
                rule["id"]: rule["nodes"][0]["html"] for rule in results.response["violations"]
            }
            assert found == {}
            picture = tmp_path / f"{width}.png"
            page.screenshot(path=picture, full_page=True)
            assert picture.stat().st_size > 50_000


def test_charts_follow_the_theme(browser: Browser, page_file: Path) -> None:
    look = """() => ['body', '#chart-candles text', '.month i.c'].map((selector) => {
        const style = getComputedStyle(document.querySelector(selector));
        return [style.backgroundColor, style.fill, style.color].join(' ');
    })"""
    with opened(browser, page_file, 1400, "light") as page:
        light = page.evaluate(look)
        page.emulate_media(color_scheme="dark")
        dark = page.evaluate(look)
        assert all(one != other for one, other in zip(light, dark, strict=True))
        # The button overrules the system: first light, then dark, then the system again.
        page.get_by_role("button", name="Theme").click()
        assert page.evaluate(look) == light
        page.get_by_role("button", name="Theme: light").click()
        assert page.evaluate(look) == dark


def test_by_keyboard(browser: Browser, page_file: Path, facts: Facts) -> None:
    with opened(browser, page_file, 1400, "light") as page:
        page.keyboard.press("Tab")
        skip = page.locator(":focus")
        assert skip.inner_text() == "Skip to the content"
        assert skip.bounding_box()["y"] >= 0  # type: ignore[index]
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        # Each chart has a table of its values beside it; the tables of the chain are one a series.
        summary = page.locator("section:has(#symbol) summary")
        summary.focus()
        page.keyboard.press("Enter")
        assert facts.bars is not None
        assert page.locator("section:has(#symbol) tbody tr").count() == len(facts.bars.days)


def test_another_expiration(browser: Browser, page_file: Path) -> None:
    places = """[...document.querySelectorAll('#chart-chain .mark-symbol.role-mark path')]
        .map((point) => point.getAttribute('transform')).join()"""
    with opened(browser, page_file, 1400, "light") as page:
        select = page.get_by_label("Expiration")
        names = select.locator("option").all_inner_texts()
        seen = set()
        for name in names:
            select.select_option(name)
            seen.add(page.evaluate(places))
        assert len(seen) == len(names) > 1


def test_hostile_names_are_only_text(
    browser: Browser, facts: Facts, library: str, tmp_path: Path
) -> None:
    assert facts.bars and facts.chain
    run = {"at": AT, "command": EVIL, "exit": 1, "errors": [EVIL], "gate": {"stocks_daily": EVIL}}
    strikes = [row | {"root": f"{EVIL}s"} for row in facts.chain.strikes]
    evil = replace(
        facts,
        root=EVIL,
        status=facts.status | {"healthy": False, "problems": [EVIL]},
        bars=replace(facts.bars, symbol=EVIL),
        chain=replace(facts.chain, underlying=EVIL, strikes=strikes),
        runs=[RUN | run],
        queries=[QUERY | {"at": AT, "sql": EVIL}],
    )
    path = tmp_path / "evil.html"
    path.write_text(render(evil, library), encoding="utf-8")
    with opened(browser, path, 1400, "light") as page:
        # What is shown on hovering goes through the charts' library.
        page.locator("#chart-chain .mark-symbol path").nth(3).hover(force=True)
        page.wait_for_selector("#vg-tooltip-element.visible")
        assert EVIL in page.locator("#vg-tooltip-element").inner_text()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0
        assert page.locator("#symbol").inner_text() == EVIL
