import math

from hypothesis import given
from hypothesis import strategies as st

from ctlr.telemetry.exposition import (
    Counter,
    Family,
    Histogram,
    Sample,
    by_label,
    counter,
    gauge,
    render,
)


def test_the_text_format() -> None:
    histogram = Histogram("h_seconds", "How long", (0.1, 1))
    for value in (0.05, 0.1, 0.5, 7):
        histogram.observe(value, route="/a")
    seen = Counter("c_total", "How many")
    seen.count(status="200")
    seen.count(status="200")
    families = [
        gauge("g", "A gauge", 1.5),
        gauge("absent", "Not known", None),
        by_label("l", "gauge", "By node", "node", {"a": 1, "b": None, "c": 0}),
        counter("n_total", "So far", 12_345_678),
        seen.family(),
        histogram.family(),
    ]
    assert render(families) == (
        "# HELP g A gauge\n# TYPE g gauge\ng 1.5\n"
        "# HELP absent Not known\n# TYPE absent gauge\n"
        '# HELP l By node\n# TYPE l gauge\nl{node="a"} 1\nl{node="c"} 0\n'
        "# HELP n_total So far\n# TYPE n_total counter\nn_total 12345678\n"
        '# HELP c_total How many\n# TYPE c_total counter\nc_total{status="200"} 2\n'
        "# HELP h_seconds How long\n# TYPE h_seconds histogram\n"
        'h_seconds_bucket{route="/a",le="0.1"} 2\n'
        'h_seconds_bucket{route="/a",le="1"} 3\n'
        'h_seconds_bucket{route="/a",le="+Inf"} 4\n'
        'h_seconds_sum{route="/a"} 7.65\n'
        'h_seconds_count{route="/a"} 4\n'
    )


def test_odd_numbers_and_odd_text() -> None:
    samples = [Sample(value) for value in (math.inf, -math.inf, math.nan, True, 1e300, 1e-9)]
    lines = render([Family("x", "gauge", "a\\b\nc", samples)]).splitlines()
    assert lines[0] == r"# HELP x a\\b\nc"
    assert lines[2:] == ["x +Inf", "x -Inf", "x NaN", "x 1", "x 1e+300", "x 1e-09"]
    [line] = render([Family("y", "gauge", "", [Sample(0, (("l", 'a"b\\c\nd'),))])]).splitlines()[2:]
    assert line == r'y{l="a\"b\\c\nd"} 0'


@given(st.text(), st.floats(allow_nan=False))
def test_no_label_breaks_a_line(label: str, value: float) -> None:
    text = render([Family("x", "gauge", label, [Sample(value, (("l", label),))])])
    assert text.count("\n") == 3
    assert float(text.rsplit(" ", 1)[1]) == value
