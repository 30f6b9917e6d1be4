"""The commands. Each function is one of them; its docstring is its help text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Prove that work completes exactly once, inside every responsibility boundary.",
)

WHICH = "retrigger.toml, its folder, or the name of a pattern"
Targets = Annotated[list[str], typer.Argument(help=WHICH, metavar="MANIFEST...")]
Target = Annotated[str, typer.Argument(help=WHICH, metavar="MANIFEST")]
Workers = Annotated[str, typer.Option("-n", "--workers", help="parallel workers, or auto")]
Reports = Annotated[
    list[str] | None, typer.Option("--report", help="html, json, junit, md, jsonl, conformance; each with =FILE")
]
On = Annotated[str, typer.Option("--target", help="run its processes as: process, or container")]
Image = Annotated[str, typer.Option("--image", help="for --target container: the image to run them in")]
EXPLORATIONS = (
    "core, single (every gap), compound (several faults), pairs (all within a boundary), writes (inside handlers that "
    "only rows tell of), sweep (calls of the kernel), random; lists with commas between"
)
Explore = Annotated[str, typer.Option("--explore", help=EXPLORATIONS)]
ToExplore = Annotated[
    str, typer.Option("--explore", help=EXPLORATIONS, show_default="single, and writes where strace can be used")
]
Out = Annotated[str, typer.Option("--out", help="folder for plans, histories and reports")]


@app.command()
def demo(
    workers: Workers = "auto",
    out: Out = "build/retrigger",
    report: Reports = None,
    target: On = "process",
    image: Image = "",
) -> None:
    """Four placements and a naive one under the same faults, side by side."""
    from harness.cli.run import demo as run_demo

    sys.exit(run_demo(workers=workers, out=out, reports=report or [], target=target, image=image))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": False})
def run(
    context: typer.Context,
    manifests: Targets,
    explore: ToExplore = "",
    workers: Workers = "auto",
    seed: Annotated[int, typer.Option("--seed", help="seed of random plans")] = 0,
    examples: Annotated[int, typer.Option("--examples", min=1, help="how many random plans")] = 100,
    budget: Annotated[str, typer.Option("--budget", help="begin no case after this time, e.g. 180s or 5m")] = "",
    shard: Annotated[str, typer.Option("--shard", help="run only this part of the plans, e.g. 1/4")] = "",
    baseline: Annotated[str, typer.Option("--baseline", help="file of known failures")] = "",
    only: Annotated[list[str] | None, typer.Option("--only", help="run only the plan of this id (repeatable)")] = None,
    plan: Annotated[list[str] | None, typer.Option("--plan", help="faults in words, instead of exploring")] = None,
    works: Annotated[int, typer.Option("--works", min=1, max=50, help="pieces of work in a case")] = 2,
    report: Reports = None,
    out: Out = "build/retrigger",
    target: On = "process",
    image: Image = "",
) -> None:
    """Put a system to the test: every gap of its manifest, or random plans."""
    from harness.cli.run import run as run_it

    sys.exit(
        run_it(
            manifests=manifests,
            explore=explore,
            workers=workers,
            seed=seed,
            examples=examples,
            budget=budget,
            shard=shard,
            baseline=baseline,
            only=only or [],
            faults=plan or [],
            works=works,
            reports=report or [],
            out=out,
            target=target,
            image=image,
            pytest_args=context.args,
        )
    )


@app.command()
def truth(
    patterns: Annotated[
        list[str] | None, typer.Argument(help="patterns with a table.toml; none: all", metavar="PATTERN...")
    ] = None,
    runs: Annotated[int, typer.Option("--runs", min=1, help="how often each row is run")] = 20,
    workers: Workers = "auto",
    row: Annotated[str, typer.Option("--row", help="only rows whose words contain this text")] = "",
    out: Annotated[Path, typer.Option("--out", help="the record; a page is written beside it")] = Path(
        "build/truth.json"
    ),
) -> None:
    """Run every row of the tables: what the figures predict, beside what is observed."""
    from harness.truth.command import truth as run_truth

    sys.exit(run_truth(patterns or [], runs=runs, workers=workers, out=out, row=row))


@app.command()
def replay(
    plan: Annotated[str, typer.Argument(help="a plan's id or its file", metavar="ID|FILE")],
    times: Annotated[int, typer.Option("--times", min=1, help="how often")] = 1,
    out: Out = "build/retrigger",
    target: On = "process",
    image: Image = "",
) -> None:
    """Run one plan again, as often as you like."""
    from harness.cli.replay import replay as replay_it
    from harness.conformance.where import image_of

    sys.exit(replay_it(plan=plan, times=times, out=Path(out), image=image_of(target, image)))


@app.command()
def compare(
    systems: Annotated[
        list[str] | None,
        typer.Argument(
            help="manifests, patterns, or JSON reports; the four placements if none", metavar="PATTERN|REPORT"
        ),
    ] = None,
    effect: Annotated[str, typer.Option("--effect", help="the effect that the worker's faults are about")] = "",
    json: Annotated[str, typer.Option("--json", help="write the figures to this file as well")] = "",
    workers: Workers = "auto",
    out: Out = "build/retrigger",
) -> None:
    """Placements side by side: same work, same faults, and what each costs."""
    from harness.cli.compare import compare_all

    sys.exit(compare_all(systems=systems or [], effect=effect, workers=workers, out=out, json_file=json))


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="where to write it", metavar="DIR")] = Path()) -> None:
    """Write a commented retrigger.toml; three lines are to be filled in."""
    from harness.cli.init import init as write

    sys.exit(write(folder))


@app.command()
def check(manifest: Target, target: On = "process", image: Image = "") -> None:
    """Is the manifest true? Contract, routing, a run without faults; seconds."""
    from harness.cli.check import check as check_it
    from harness.conformance.where import image_of

    sys.exit(check_it(manifest, image_of(target, image)))


@app.command()
def boundaries(
    manifest: Target,
    json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    fault: Annotated[str | None, typer.Option("--fault", help='predict: "crash NODE before|after STEP", ...')] = None,
) -> None:
    """Derive and draw boundaries, owners, layers and lints; predict a fault. Runs nothing."""
    from harness.cli.show import boundaries as show

    show(manifest, as_json=json, fault=fault)


@app.command()
def explain(code: Annotated[str, typer.Argument(help="a code from a report, like RT102", metavar="CODE")]) -> None:
    """What a code means, its usual causes, how to fix them."""
    from harness.cli.show import explain as show

    show(code)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="patterns, properties, faults, or plans", metavar="WHAT")],
    manifest: Annotated[str | None, typer.Argument(help="for `plans`: of which system")] = None,
    explore: Explore = "single",
) -> None:
    """List patterns, properties, faults, or the plans of a system."""
    from harness.cli.show import list_ as show

    show(what, manifest, explore)


@app.command()
def doctor() -> None:
    """What is here, which mode works, and the line that installs what is missing."""
    from harness.cli.doctor import doctor as examine

    sys.exit(examine())


@app.command()
def badge(
    report: Annotated[str, typer.Argument(help="JSON report of a run", metavar="REPORT")],
    out: Annotated[str, typer.Option("-o", "--out", help="the picture to write")] = "retrigger-badge.svg",
) -> None:
    """A badge for a run; refused where a core check was skipped."""
    from harness.cli.reports import badge as write

    sys.exit(write(report, out))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def bench(context: typer.Context) -> None:
    """How fast everything is; `bench detection`: what it catches of broken twins. `bench --help` shows more."""
    import runpy

    # By name, for the bench is made of the command's own parts: it stands above it, and nothing here may know it.
    sys.argv = ["retrigger bench", *context.args]
    runpy.run_module("harness.bench", run_name="__main__")


@app.command()
def schema() -> None:
    """The JSON Schema of a manifest, for editors."""
    from harness.cli.show import schema as show

    show()


report_app = typer.Typer(no_args_is_help=True, help="Merge the reports of shards, or look at one.")
app.add_typer(report_app, name="report")
baseline_app = typer.Typer(no_args_is_help=True, help="Known failures: write the list, or hold it against a run.")
app.add_typer(baseline_app, name="baseline")
BaselineFile = Annotated[str, typer.Option("--baseline", help="default: retrigger-baseline.toml beside the manifest")]


@report_app.command()
def merge(
    files: Annotated[list[str], typer.Argument(help="JSON reports of shards", metavar="REPORT...")],
    out: Annotated[str, typer.Option("-o", "--out", help="JSON report of the whole; its picture is put beside it")],
) -> None:
    """Put the JSON reports of shards together: the report of the whole."""
    from harness.cli.reports import merge_reports

    sys.exit(merge_reports(files, out))


@report_app.command("open")
def open_(
    place: Annotated[str, typer.Argument(help="a report, or its folder", metavar="REPORT")] = "build/retrigger",
    show: Annotated[bool, typer.Option("--show/--no-show", help="open a browser, or only say where it is")] = True,
) -> None:
    """Open the picture of a run in a browser."""
    from harness.cli.reports import open_report

    sys.exit(open_report(place, show=show))


@baseline_app.command("update")
def baseline_update(
    manifest: Target, baseline: BaselineFile = "", workers: Workers = "auto", out: Out = "build/retrigger"
) -> None:
    """Run every gap and write down what fails now; known reasons stay."""
    from harness.cli.baselines import update

    sys.exit(update(manifest, baseline, workers, out))


@baseline_app.command("check")
def baseline_check(
    manifest: Target, baseline: BaselineFile = "", workers: Workers = "auto", out: Out = "build/retrigger"
) -> None:
    """Run what is known to fail; an entry that nothing fails any more is stale, exit 1."""
    from harness.cli.baselines import check

    sys.exit(check(manifest, baseline, workers, out))


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
) -> None:
    """Options of the command itself."""
    from harness import __version__

    if version:
        print(f"retrigger {__version__}")
        raise typer.Exit
