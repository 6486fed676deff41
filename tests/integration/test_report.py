"""The four forms of a report, before their real readers: a browser, a JSON schema.

SHOTS=DIR keeps the screenshots.
"""

import json
import os
import pathlib
import subprocess

import jsonschema
import pytest

from browser import Browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "build" / "tests" / "unit" / "report_sample"

# Every element with text of its own whose colour stands out less than WCAG AA asks (4.5, large text 3).
CONTRAST = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.body.querySelectorAll('*')) {
    if (![...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) weak.push([element.tagName, element.textContent.slice(0, 40), ratio]);
  }
  return weak;
})()"""

STRUCTURE = """({
  lang: document.documentElement.lang,
  title: document.title,
  h1: document.querySelectorAll('h1').length,
  main: document.querySelectorAll('main').length,
  scripts: document.scripts.length,
  images: document.images.length,
  twice: [...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i),
  dangling: [...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute('href').slice(1))
    .filter((id) => !document.getElementById(decodeURIComponent(id))),
  skipped: [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))
    .filter((level, i, all) => i && level > all[i - 1] + 1).length,
  heads: [...document.querySelectorAll('th')].every((th) => th.scope === 'col'),
})"""


def sample(form):
    return subprocess.run([SAMPLE, form], check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(sample("html"))
    return path


@pytest.fixture(scope="module")
def browser(page):
    with Browser() as one:
        one.open(page)
        yield one


def keep(name, data):
    if os.environ.get("SHOTS"):
        (pathlib.Path(os.environ["SHOTS"]) / name).write_bytes(data)


def test_the_json_is_as_its_schema_says():
    schema = json.loads((ROOT / "docs" / "schema" / "report.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    report = json.loads(sample("json"))
    jsonschema.validate(report, schema)
    assert report["counts"] == {"block": 1, "warn": 2, "info": 2, "accepted": 1}
    assert all(len(row) == len(part["columns"]) for s in report["sections"] for part in s["parts"] for row in part.get("rows", []))


def test_the_schema_refuses_a_field_it_does_not_know():
    schema = json.loads((ROOT / "docs" / "schema" / "report.schema.json").read_text())
    report = json.loads(sample("json"))
    report["findings"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema)


def test_the_page_asks_for_nothing_but_itself(browser, page):
    assert browser.requests == [f"file://{page}"]


@pytest.mark.parametrize("width", [1280, 800, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_never_wider_than_the_window(browser, width, scheme):
    browser.look(width, scheme)
    keep(f"{scheme}-{width}.png", browser.screenshot())
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    out = browser.evaluate(f"""[...document.querySelectorAll('main *, header *, nav *')]
        .filter((e) => !e.closest('.scroll, pre') && e.getBoundingClientRect().right > {width} + 0.5)
        .map((e) => e.tagName + ' ' + e.textContent.slice(0, 40))""")
    assert out == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(browser, scheme):
    browser.look(1280, scheme)
    assert browser.evaluate(CONTRAST) == []


def test_dark_is_dark_and_light_is_light(browser):
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, v) => sum + Number(v), 0) / 3"
    browser.look(1280, "light")
    assert browser.evaluate(shade) > 200
    browser.look(1280, "dark")
    assert browser.evaluate(shade) < 50


def test_a_screen_reader_finds_its_way(browser):
    browser.look(1280)
    seen = browser.evaluate(STRUCTURE)
    assert seen == {"lang": "en", "title": "handover audit: production cache at 10.0.0.5:6379", "h1": 1, "main": 1, "scripts": 0,
                    "images": 0, "twice": [], "dangling": [], "skipped": 0, "heads": True}


def test_hostile_text_is_shown_as_it_is(browser):
    assert browser.evaluate("document.body.textContent.includes(`<script>alert('x')</script>`)")
    assert browser.evaluate("""[...document.querySelectorAll('*')].every((e) =>
        [...e.attributes].every((a) => !a.name.startsWith('on')))""")


def test_it_prints_in_black_on_white_without_navigation(browser):
    browser.look(1280, "dark", media="print")
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert browser.evaluate("getComputedStyle(document.querySelector('.finding')).breakInside") == "avoid"
    data = browser.pdf()
    keep("print.pdf", data)
    assert data.startswith(b"%PDF-")
    assert 1 <= data.count(b"/Type /Page\n") <= 4
