import re
from html.parser import HTMLParser

from components.privacy_evaluator.page import Column, Table, Verdict, render_page
from tests.components.privacy_evaluator.test_report import CANARIES, FATES, attacks, make

PLAIN = make(attacks())
FULL = make(attacks([-float(fate) for fate in FATES], CANARIES))
VERDICT = Verdict(blessed=False, refusals=["Epsilon must be at most 3."], checks=["The accountants agree."])


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


def tags(page):
    parser = Tags()
    parser.feed(page)
    return parser.seen


def test_the_page_shows_models_side_by_side_with_verdict_numbers_and_plots():
    page = render_page(
        [
            Column(name="with DP", report=FULL, verdict=VERDICT, facts={"Pushed to": "nowhere"}),
            Column(name="without DP", report=PLAIN),
        ],
        title="Tips",
        facts={"Rows": "10,000"},
        tables=[Table(title="Steps", header=["step", "cached"], rows=[["Transform", "yes"]], note="A note.")],
    )
    for text in ("with DP", "without DP", "Refused", "Epsilon must be at most 3.", "No verdict", "nowhere"):
        assert text in page
    for text in (
        "ε = ∞",
        "Median exposure",
        "Steps",
        "Transform",
        "A note.",
        "10,000",
        "Accuracy on unseen rows",
        "no canaries",
    ):
        assert text in page
    assert sum(tag == "svg" for tag, _ in tags(page)) == 2


def test_the_page_loads_nothing_and_runs_nothing():
    page = render_page([Column(name="m", report=FULL)], title="t")
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in tags(page)}
    for _, attributes in tags(page):
        assert not any(name.startswith("on") for name in attributes)
        assert all(attributes.get(key, "#").startswith("#") for key in ("href", "xlink:href", "src"))
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_what_others_wrote_is_escaped():
    evil = "<script>alert(1)</script>"
    page = render_page(
        [Column(name=evil, report=FULL, verdict=Verdict(blessed=False, refusals=[evil]), facts={evil: evil})],
        title=evil,
        facts={evil: evil},
        tables=[Table(title=evil, header=[evil], rows=[[evil]], note=evil)],
    )
    assert "script" not in {tag for tag, _ in tags(page)}


def test_a_model_that_was_not_attacked_has_no_plots():
    page = render_page([Column(name="m", report=make(attacks(rows=0)))], title="t")
    assert "<svg" not in page
    assert "Could not be measured: membership inference" in page
