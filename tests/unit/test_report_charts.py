import re

from training.report.charts import Line, Pair, Whisker, lines, pairs, whiskers
from training.report.html import join, table, tag


def test_a_line_is_lifted_over_a_gap():
    drawn = lines([Line("x", [(0, 1.0), (1, None), (2, 2.0), (3, 1.0)])], title="t", x="step", y="loss")
    path = re.search(r'<path d="([^"]+)"', drawn)[1]
    assert [part[0] for part in re.findall(r"[ML][^ML]+", path)] == ["M", "M", "L"]


def test_nothing_to_draw_is_no_picture():
    assert lines([Line("x", [(0, None)])], title="t", x="x", y="y") == ""
    assert whiskers([Whisker("a", None, None, None)], title="t", axis="x") == ""
    assert pairs([], title="t", first="a", second="b") == ""


def test_equal_values_have_an_axis():
    assert "<svg" in lines([Line("x", [(0, 0.0), (1, 0.0)])], title="t", x="x", y="y")
    assert "<svg" in whiskers([Whisker("a", 0.0, 0.0, 0.0)], title="t", axis="x")


def test_a_long_name_is_cut_and_kept_whole_in_its_title():
    name = "一个很长很长很长很长很长很长很长很长的名字" * 2
    drawn = pairs([Pair(name, 0.5, 0.25)], title="t", first="a", second="b")
    assert f"<title>{name}</title>" in drawn
    shown = re.search(r"</title>([^<]+)</text>", drawn)[1]
    assert shown.endswith("…")
    assert len(shown) < len(name)


def test_a_picture_tells_its_figures():
    drawn = whiskers([Whisker("blend", 0.25, 0.2, 0.3)], title="Models", axis="ndcg@10")
    assert 'aria-label="Models. ndcg@10: blend 0.25."' in drawn


def test_attributes_are_escaped_too():
    assert tag("a", "<x>", href='"><b>') == '<a href="&quot;&gt;&lt;b&gt;">&lt;x&gt;</a>'
    assert join("a & b", None, tag("br")) == "a &amp; b<br/>"


def test_a_table_names_its_rows_and_columns():
    made = table(["model", "n"], [["a<b", "1"]], caption="c", emphasis=0)
    assert '<th scope="row">a&lt;b</th><td class="number">1</td>' in made
    assert "<caption>c</caption>" in made
