"""The report page and its figures."""

import base64
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.pages.pictures import png, svg
from simpgan.components.core.results.probes import no_probes
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.evaluate.figures import CLOUDS, FeatureMap, cmc_figure, features_figure, translation_grid
from simpgan.components.evaluate.report import (
    DomainGap,
    Match,
    RankedList,
    RankedProbe,
    table_of_overlaps,
    write_report,
)

HOSTILE = "<script>alert('x')</script>\" onload=\"x & 'y'"
CURVE = np.linspace(0.1, 0.9, 50)


def row(method, rank_1, fold=0, protocol="folds10", source="market1501", variant=""):
    rates = dict.fromkeys(["rank_5", "rank_10", "rank_20", "mAP", "mAP_trapezoidal", "mINP"], 50.0)
    return ResultsRow(
        source=source, target="grid", method=method, variant=variant, protocol=protocol, fold=fold, seed=0,
        rank_1=rank_1, probes=125, gallery=900, **rates,
    )  # fmt: skip


def picture(value, height=128, width=64):
    return np.full((height, width, 3), value, np.uint8)


def page(path: Path, **given) -> str:
    everything = {
        "rows": [row("direct", 18.1), row("simpgan", 31.2), row("adabn", 25.0)],
        "probes": no_probes(),
        "checks": None,
        "of": ("market1501", "grid"),
        "cmc": {"folds10": {"direct": CURVE, "simpgan": CURVE}},
        "to_source": {"simpgan": [(picture(10), picture(20)), (picture(30), picture(40))]},
        "to_target": {},
        "domains": DomainGap({}, []),
        "ranked": [
            RankedProbe(
                "0001.png",
                picture(50),
                [
                    RankedList("direct", [Match(picture(60), False), Match(picture(70), False)], 12),
                    RankedList("simpgan", [Match(picture(80), False), Match(picture(90), True)], 2),
                ],
            )
        ],
        "details": {"Versions": {"torch": "2.14.1"}},
    }
    write_report(path / "report.html", **{**everything, **given})
    return (path / "report.html").read_text()


class Elements(HTMLParser):
    """All start tags with their attributes, the words between them, and whether every element was closed."""

    EMPTY = ("meta", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_title_says_what_came_out(tmp_path):
    text = Elements(page(tmp_path)).text
    sentence = (
        "SimPGAN finds the right person first for 31.2 % of 125 probes, 13.1 points more than direct transfer (18.1 %)."
    )
    assert sentence in text.replace("\u00a0", " ")
    assert "Trained on market1501, tested on grid, protocol folds10, fold 0." in text


def test_each_protocol_has_its_sentence_and_table(tmp_path):
    rows = [row(method, rank_1, fold) for fold in range(2) for method, rank_1 in (("direct", 10), ("simpgan", 20))]
    rows += [row("direct", 8, protocol="all250"), row("simpgan", 12, protocol="all250")]
    elements = Elements(page(tmp_path, rows=rows))
    assert "protocol folds10, mean of 2 folds" in elements.text
    assert "4.0 points more than direct transfer (8.0 %)." in elements.text.replace("\u00a0", " ")
    assert {
        "market1501 → grid, folds10, 2 folds: 125 probes, 900 gallery images",
        "market1501 → grid, all250, fold 0: 125 probes, 900 gallery images",
    } <= set(elements.words)


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ([row("direct", 18.1)], "Direct transfer finds the right person first for 18.1 % of 125 probes."),
        ([row("direct", 10.0), row("gan", 5.0)], "GAN finds the right person first for 5.0 % of 125 probes, "),
        ([row("simpgan", 10.0)], "direct transfer was not measured on the same probes."),
        ([], "Nothing was evaluated."),
    ],
)
def test_the_title_without_simpgan_or_without_a_baseline(tmp_path, rows, title):
    assert title in Elements(page(tmp_path, rows=rows)).text.replace("\u00a0", " ")


def test_a_translation_must_also_earn_its_place_on_top_of_adabn(tmp_path):
    rows = [row("direct", 10.0), row("adabn", 20.0), row("simpgan", 12.0), row("simpgan+adabn", 21.0)]
    text = Elements(page(tmp_path, rows=rows)).text.replace("\u00a0", " ")
    assert "SimPGAN + AdaBN finds the right person first for 21.0 % of 125 probes, 1.0 points more than AdaBN" in text


def test_without_simpgan_the_headline_is_about_what_was_trained(tmp_path):
    rows = [row("direct", 10.0), row("cyclegan", 12.0), row("matched-set+fused", 15.0)]
    assert "CycleGAN finds the right person first for 12.0 %" in Elements(page(tmp_path, rows=rows)).text.replace(
        "\u00a0", " "
    )


def test_fused_features_and_verification_scores_are_folded_away(tmp_path):
    rows = [row("direct", 10.0), row("simpgan", 12.0), row("simpgan+fused", 50.0), row("simpgan+verification", 1.0)]
    html = page(tmp_path, rows=rows)
    assert "Fused features, verification scores and re-ranking (2 rows)" in html
    main, folded = html.split("Fused features, verification scores and re-ranking (2 rows)")
    assert "fused" not in main.split("<tbody>")[1]
    assert re.search(r'data-value="12.0" class="best"', main)
    assert re.search(r'data-value="50.0" class="best"', folded)


def test_variants_of_a_method_have_rows_of_their_own(tmp_path):
    rows = [row("direct", 10.0), *(row("simpgan", 12.0, variant=f"rate={rate}") for rate in (1, 2))]
    assert "SimPGAN (rate=1)" in Elements(page(tmp_path, rows=rows)).words


def test_both_directions_of_translation_are_shown(tmp_path):
    text = Elements(page(tmp_path, to_target={"simpgan": [(picture(1), picture(2))]})).text
    assert "The target's images in the style of the source" in text
    assert "The source's images in the style of the target" in text


def test_the_overlap_stands_beside_the_map(tmp_path):
    maps = [FeatureMap("simpgan", {name: np.random.default_rng(0).random((5, 2)) for name in CLOUDS}, 0.25)]
    elements = Elements(page(tmp_path, domains=DomainGap({"direct": 0.125, "adabn": 0.5, "simpgan": 0.25}, maps)))
    assert re.search(r"Direct transfer\s*0.12\s*0.50\s*SimPGAN\s*0.25", elements.text)
    [image] = [each for each in elements.all("img") if "Features of source and target" in each["alt"]]
    assert image["src"].startswith("data:image/png;base64,")


def test_overlaps_without_and_with_adabn_stand_side_by_side():
    overlaps = {"adabn": 0.2, "direct": 0.1, "simpgan rate=1": 0.3, "simpgan+adabn rate=1": 0.4, "umdl": 0.5}
    assert [[cell.text for cell in cells] for cells in table_of_overlaps(overlaps).rows] == [
        ["UMDL", "0.50", ""],
        ["Direct transfer", "0.10", "0.20"],
        ["SimPGAN (rate=1)", "0.30", "0.40"],
    ]
    table = table_of_overlaps({"direct": 0.1, "camera-adabn": 0.2, "gan": 0.3, "gan+camera-adabn": 0.4, "adabn": 0.5})
    assert table.columns[2:] == ["overlap with AdaBN", "overlap with AdaBN per camera"]
    assert [[cell.text for cell in cells] for cells in table.rows] == [
        ["Direct transfer", "0.10", "0.50", "0.20"],
        ["GAN", "0.30", "", "0.40"],
    ]


def test_a_map_names_its_method_and_overlap_and_leaves_out_what_is_not_there():
    points = np.random.default_rng(0).random((5, 2))
    figure = features_figure(
        [
            FeatureMap("adabn", {"source": points, "recorded": points, "adapted": points}, 0.5),
            FeatureMap("simpgan", {"source": points, "adapted": points}, 0.25),
        ]
    )
    assert [axes.get_title() for axes in figure.axes] == ["AdaBN\noverlap 0.50", "SimPGAN\noverlap 0.25"]
    assert [len(axes.collections) for axes in figure.axes] == [3, 2]
    assert Image.open(BytesIO(png(figure))).width > 300


def test_the_best_of_each_column_is_marked(tmp_path):
    html = page(tmp_path)
    assert re.search(r'data-value="31.2" class="best">\s*31.2', html)
    assert not re.search(r'data-value="18.1" class="best"', html)


def test_the_bold_is_among_rows_of_the_same_folds(tmp_path):
    rows = [row("direct", 10.0), row("direct", 90.0, fold=1), row("simpgan", 20.0)]
    html = page(tmp_path, rows=rows)
    assert re.search(r'data-value="20.0" class="best"', html)
    assert not re.search(r'data-value="[159]0.0" class="best">\s*[159]0.0\s*<span', html)  # 50.0 ± ... over both folds


def test_the_page_needs_nothing_from_outside(tmp_path):
    elements = Elements(page(tmp_path))
    for tag, attributes in elements.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "srcset", "action", "data"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    assert all("src" not in script for script in elements.all("script"))
    assert not re.search(r"https?://|url\(|@import", page(tmp_path))
    [policy] = [meta["content"] for meta in elements.all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")


def test_names_cannot_inject_markup(tmp_path):
    elements = Elements(
        page(
            tmp_path,
            rows=[row(HOSTILE, 30.0, protocol=HOSTILE, source=HOSTILE), row("direct", 1.0)],
            cmc={HOSTILE: {HOSTILE: CURVE}},
            to_source={HOSTILE: [(picture(1), picture(2))]},
            to_target={HOSTILE: [(picture(1), picture(2))]},
            domains=DomainGap({HOSTILE: 0.5}, [FeatureMap(HOSTILE, {"source": np.zeros((3, 2))}, 0.5)]),
            ranked=[RankedProbe(HOSTILE, picture(3), [RankedList(HOSTILE, [Match(picture(4), True)], 1)])],
            details={HOSTILE: {HOSTILE: HOSTILE}},
            notes=[HOSTILE],
        )
    )
    assert len(elements.all("script")) == 1
    assert not any("onload" in attributes for _, attributes in elements.tags)
    assert elements.text.count(HOSTILE) >= 8


def test_every_picture_is_shown_as_it_is_and_described(tmp_path):
    images = Elements(page(tmp_path)).all("img")
    assert all(image["alt"] for image in images)
    shown = []
    for image in images:
        media_type, content = image["src"].split(";base64,")
        if media_type == "data:image/jpeg":
            shown.append(np.asarray(Image.open(BytesIO(base64.b64decode(content)))))
    assert [pixels[0, 0, 0] for pixels in shown] == [10, 30, 20, 40, 50, 60, 70, 80, 90]
    assert all(pixels.shape == (128, 64, 3) for pixels in shown)


def test_large_pictures_are_made_smaller(tmp_path):
    to_source = {"simpgan": [(picture(1, 3000, 1500), picture(2, 3000, 1500))]}
    source = next(each["src"] for each in Elements(page(tmp_path, to_source=to_source)).all("img")[1:])
    assert Image.open(BytesIO(base64.b64decode(source.split(",")[1]))).size == (160, 320)


def test_right_and_wrong_are_told_apart_without_colour(tmp_path):
    elements = Elements(page(tmp_path))
    descriptions = [image["alt"] for image in elements.all("img")]
    assert descriptions[-2:] == ["Rank 1: another person", "Rank 2: the same person"]
    assert "Direct transfer · right person at rank 12 1 ✗ 2 ✗ SimPGAN · right person at rank 2 1 ✗ 2 ✓" in elements.text


def test_the_curves_can_be_read_aloud(tmp_path):
    curves = {"simpgan": np.array([0.25, 0.5, 0.5, 0.5, 0.75])}
    [image] = [each for each in Elements(page(tmp_path, cmc={"folds10": curves})).all("img") if "CMC" in each["alt"]]
    assert image["alt"] == "CMC curves, folds10. SimPGAN: 25.0 % at rank 1, 75.0 % at rank 5."
    assert image["src"].startswith("data:image/svg+xml;base64,")


def test_sections_without_content_are_left_out(tmp_path):
    text = Elements(page(tmp_path, rows=[row("direct", 1.0)], cmc={}, to_source={}, ranked=[], details={})).text
    for heading in (
        "before and after translation",
        "How far apart",
        "What a search returns",
        "CMC curves",
        "Settings and versions",
    ):
        assert heading not in text


def test_an_unwritable_folder_is_the_users_to_put_right(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError):
        page(tmp_path / "file")


def test_the_cmc_figure_names_every_method_with_its_rank_1():
    figure = cmc_figure({"simpgan+adabn": CURVE, "other": CURVE[:7], "direct": CURVE, "adabn": CURVE})
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["Direct transfer, 10.0 %", "AdaBN, 10.0 %", "SimPGAN + AdaBN, 10.0 %", "other, 10.0 %"]
    direct, adabn, simpgan_adabn, other = figure.axes[0].lines
    assert (direct.get_linestyle(), adabn.get_linestyle(), simpgan_adabn.get_linestyle()) == ("-", "--", "--")
    assert direct.get_color() == adabn.get_color()
    assert len({direct.get_color(), simpgan_adabn.get_color(), other.get_color()}) == 3
    np.testing.assert_array_equal(direct.get_xdata(), range(1, 51))
    np.testing.assert_allclose(direct.get_ydata(), 100 * CURVE)


def test_adabn_per_camera_has_a_line_of_its_own():
    direct, adabn, per_camera, gan = (
        cmc_figure(dict.fromkeys(["direct", "adabn", "camera-adabn", "gan+camera-adabn"], CURVE)).axes[0].lines
    )
    assert [each.get_linestyle() for each in (direct, adabn, per_camera, gan)] == ["-", "--", "-.", "-."]
    assert direct.get_color() == per_camera.get_color() != gan.get_color()


def test_a_figure_is_the_same_every_time():
    assert svg(cmc_figure({"direct": CURVE})) == svg(cmc_figure({"direct": CURVE}))


def test_the_grid_has_a_row_before_and_a_row_a_method():
    pairs = [(picture(10), picture(200)), (picture(30), picture(220))]
    grid = np.asarray(
        translation_grid({"simpgan": pairs, "gan": [(before, before) for before, _ in pairs]}, height=100)
    )
    assert grid.shape == (3 * (24 + 100 + 4), 4 + 2 * (50 + 4), 3)
    middles = [24 + 50 + row * 128 for row in range(3)]
    assert grid[middles][:, [4 + 25, 58 + 25], 0].tolist() == [[10, 30], [10, 30], [200, 220]]
