"""The whole bench on one pattern, as small as it can be; that anything is quick is not asserted, machines differ."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import harness.bench
from harness.bench.__main__ import main
from harness.bench.bench import Size, bench
from harness.bench.phases import PHASES
from harness.bench.table import WIDTH, print_comparison, print_figures, ratios
from harness.network.find import ENVIRONMENT_KEY

TINY = Size(workers=(2,), cases=1, repetitions=1, requests=3, lives=2, events=(1000,))
Bench = tuple[dict[str, Any], Path, list[str]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The figures, their file, and what was said meanwhile."""
    out = tmp_path_factory.mktemp("bench") / "new" / "bench.json"
    told: list[str] = []
    with pytest.MonkeyPatch.context() as environment:
        # A campaign leaves there what it has found, for its workers; this puts it back afterwards.
        environment.setenv(ENVIRONMENT_KEY, os.environ.get(ENVIRONMENT_KEY, ""))
        figures = bench(out, quick=True, patterns=("callee_inbox",), size=TINY, progress=told.append)
        yield figures, out, told


def test_the_file_holds_what_was_measured(measured: Bench) -> None:
    """It can be read again and says the same; and there was progress meanwhile."""
    figures, out, told = measured
    assert json.loads(out.read_text(encoding="utf-8")) == figures
    assert any("callee_inbox" in text for text in told)


def test_every_group_of_figures_is_there_and_above_nothing(measured: Bench) -> None:
    """All that was asked for was measured: a time or a rate of zero would be one that was not."""
    figures, _, _ = measured
    by_workers = figures["throughput"]["callee_inbox"]
    assert set(by_workers) == {"2"}
    assert by_workers["2"]["verdict"] == "HOLDS"
    assert by_workers["2"]["cases_per_min_with_setup"] > 0
    case = figures["case_ms"]["callee_inbox"]
    assert set(case["phases"]) == set(PHASES)
    assert set(figures["hops_ms"]) == {"direct", "client", "proxied", "tapped", "world", "proxy_cost", "tap_cost"}
    for group in ("lives_ms", "report_s", "setup_s"):
        assert all(took > 0 for took in figures[group].values()), group
    assert all(found["events_per_s"] > 0 for found in figures["judge"].values())
    assert figures["machine"]["cores"] >= 1


def test_the_phases_on_average_add_up_to_the_case(measured: Bench) -> None:
    """Nothing is counted twice, and what the phases leave out of a case is the small part of it."""
    case = measured[0]["case_ms"]["callee_inbox"]
    explained = sum(phase["mean"] * phase["cases"] for phase in case["phases"].values()) / case["cases"]
    assert 0.75 * case["total"]["mean"] <= explained <= 1.001 * case["total"]["mean"]


def test_every_key_of_the_file_is_explained(measured: Bench) -> None:
    """The docstring of the package is the reference, so it names every key that is not a name or a number."""
    text = harness.bench.__doc__ or ""
    named = {"callee_inbox", *figures_in(measured[0])}
    assert {key for key in _keys(measured[0]) if not re.search(rf"\b{key}\b", text)} <= named


def figures_in(document: Mapping[str, Any]) -> set[str]:
    """Keys that are numbers: of workers, of events."""
    return set(filter(str.isdigit, _keys(document)))


def _keys(document: Mapping[str, Any]) -> Iterator[str]:
    for key, value in document.items():
        yield key
        if isinstance(value, Mapping):
            yield from _keys(value)


def test_the_tables_fit_a_terminal(measured: Bench) -> None:
    """Eighty columns hold everything, also five patterns side by side, and no column is cut."""
    figures = json.loads(json.dumps(measured[0]))
    names = ("callee_inbox", "callee_naive", "caller_queue", "engine_dbos", "upstream_sync")
    for group in ("throughput", "case_ms"):
        figures[group] = dict.fromkeys(names, figures[group]["callee_inbox"])
    printed = io.StringIO()
    print_figures(figures, Console(file=printed, width=WIDTH))
    print_comparison(figures, figures, Console(file=printed, width=WIDTH))
    lines = printed.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert not any("…" in line for line in lines)
    assert sum("HOLDS" in line for line in lines) == len(names)


def test_a_system_that_could_not_be_run_is_an_error_in_the_tables(measured: Bench) -> None:
    """The reader sees that figures are missing, and the other figures."""
    figures = json.loads(json.dumps(measured[0]))
    figures["throughput"]["broken"] = {"1": {"error": "no such thing"}}
    figures["case_ms"]["broken"] = {"error": "no such thing"}
    printed = io.StringIO()
    print_figures(figures, Console(file=printed, width=WIDTH))
    assert "ERROR" in printed.getvalue()


def test_ratios_are_now_over_then() -> None:
    """Twice as many is 2; a new figure has no ratio, nor has what only says how something was measured."""
    older = {"spec": 1, "seconds": 9, "machine": {"cores": 2}, "throughput": {"a": {"1": {"cases": 9, "rate": 100.0}}}}
    faster = {"a": {"1": {"cases": 7, "rate": 200.0}}, "b": {"1": {"rate": 5.0}}}
    newer = {"spec": 1, "seconds": 3, "machine": {"cores": 4}, "throughput": faster}
    assert ratios(newer, older) == {"throughput.a.1.rate": (100.0, 200.0, 2.0)}


def test_a_comparison_of_different_machines_says_so(measured: Bench) -> None:
    """Figures of two machines say nothing about two versions."""
    older = json.loads(json.dumps(measured[0]))
    older["machine"]["cores"] += 1
    printed = io.StringIO()
    print_comparison(measured[0], older, Console(file=printed, width=WIDTH))
    assert "not measured alike: machine differs" in printed.getvalue()


def test_an_older_file_that_cannot_be_read_is_said_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody waits for minutes to learn of a slip of the pen."""
    assert main(["--quick", "--out", str(tmp_path / "new.json"), "--against", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err
    assert not (tmp_path / "new.json").exists()
