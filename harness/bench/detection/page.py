"""The kill matrix as one page: twins by property, what each of them took, and what is lost without what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment

__all__ = ["write_page"]

_PAGE = """<!doctype html>
{% macro matrix(records) %}
<div class="wide"><table><thead><tr><th>id</th><th>flaw</th>{% for name in properties %}<th class="mark">{{ name }}</th>
{% endfor %}<th>exploration</th><th class="number">plans</th><th class="number">s</th><th class="number">again</th>
<th>smallest witness</th></tr></thead><tbody>
{% for name, twin in records.items() %}<tr><th class="{{ 'yes' if twin.killed else 'no' }}">{{ name }}</th>
<td class="flaw">{{ twin.flaw }}</td>{% for prop in properties %}<td class="mark {{ 'yes' if twin.killed and prop in
twin.witness.properties }} {{ 'named' if prop in twin.expected }}">{{ "●" if twin.killed and prop in
twin.witness.properties }}</td>{% endfor %}<td>{{ twin.exploration }}</td><td class="number">{{ twin.plans }}</td>
<td class="number">{{ twin.seconds }}</td><td class="number">{{ twin.replayed or "" }}</td><td>{% if twin.killed %}
{% for fault in twin.witness.faults %}<code>{{ fault }}</code><br>{% else %}no faults{% endfor %}{% else %}
<b>survived</b> {{ twin.error }}{% endif %}</td></tr>
{% endfor %}</tbody></table></div>
{% endmacro %}
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Kill matrix</title><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222 } p { max-width: 46rem }
.wide { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0; font-size: 13px }
th, td { padding: .25rem .5rem; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top }
thead th { background: #f4f4f4; white-space: nowrap } tbody th { white-space: nowrap }
code { font-size: 12px; white-space: nowrap } .flaw { min-width: 18rem }
.mark { text-align: center; padding: .25rem; min-width: 1.6rem } .number { text-align: right; white-space: nowrap }
.yes { background: #d8f0d8 } .no { background: #f8d0d0 } .named { box-shadow: inset 0 0 0 2px #888 }
.void { background: #b00; color: #fff; padding: .5rem 1rem }
</style></head><body>
<h1>Kill matrix</h1>
{% if void %}<p class="void"><b>VOID.</b> A known twin survived that nothing that works lets live: no figure counts.</p>
{% endif %}
<p>{{ score.killed }} of {{ score.of }} broken twins were caught, {{ score.as_named }} of them by a property that the
catalogue names{% if score.median_plans is not none %}; the median needed {{ score.median_plans }} plans until the first
witness{% endif %}. {{ score.replayed_9_of_10 }} witnesses failed again in at least nine of ten replays.
{{ score.declarations_noticed }} of {{ score.declarations }} wrong declarations were noticed. {{ score.false_alarms }}
false alarms in {{ score.clean_cases }} clean cases. {{ cases }} cases in {{ seconds }} s, {{ cases_per_min }} a minute;
explorations, one after the other: {{ explorations | join(", ") }}.</p>
<p>Carried along, and caught: {% for name, canary in canaries.items() %}{{ name }}
{{ "by " + canary.property if canary.killed else "not: it survived" }}{{ ", " if not loop.last }}{% endfor %}.</p>
<p>A filled cell: the smallest witness breaks this property. A frame: the catalogue names it, and one of those is
enough.</p>
{% if twins %}<h2>Twins</h2>{{ matrix(twins) }}{% endif %}
{% if declarations %}<h2>Wrong declarations of correct services</h2>{{ matrix(declarations) }}{% endif %}
{% if controls %}<h2>Controls</h2>
<div class="wide"><table><thead><tr><th>control</th><th></th><th class="number">runs</th><th>false alarms</th>
<th>no verdict</th></tr></thead><tbody>
{% for name, control in controls.items() %}<tr><th class="{{ 'no' if control.false_alarms or control.error else
'yes' }}">{{ name }}</th><td>{{ control.about }}</td><td class="number">{{ control.runs }}</td>
<td>{{ control.false_alarms }}{% for alarm in control.alarms %}<br><code>{{ alarm }}</code>{% endfor %}
{{ control.error }}</td><td>{{ control.inconclusive | length }}{% for alarm in control.inconclusive %}<br>
<code>{{ alarm }}</code>{% endfor %}</td></tr>
{% endfor %}</tbody></table></div>{% endif %}
<h2>What each part is worth</h2>
<p>Left out, and these lose the witness above: its history, judged again without the property, is no violation; or it
needs a fault of that kind.{% if second %} Bold: no plan of the same explorations without the kinds of faults of its
witness kills it.{% endif %}</p>
<table><thead><tr><th>without property</th><th class="number">lost</th><th></th><th>seen by it</th></tr></thead><tbody>
{% for name, lost in removal.properties.items() %}<tr><th>{{ name }}</th><td class="number">{{ lost | length }}</td>
<td>{{ lost | join(" ") }}</td><td>{{ removal.seen_by.get(name, []) | join(" ") }}</td></tr>
{% endfor %}</tbody></table>
<table><thead><tr><th>without fault</th><th class="number">lost</th><th></th></tr></thead><tbody>
{% for name, lost in removal.faults.items() %}<tr><th>{{ name }}</th><td class="number">{{ lost | length }}</td>
<td>{% for twin in lost %}{% if second and twin in removal.faults_only.get(name, []) %}<b>{{ twin }}</b>{% else %}
{{ twin }}{% endif %} {% endfor %}</td></tr>
{% endfor %}</tbody></table>
</body></html>
"""


def write_page(figures: Mapping[str, Any], path: Path) -> None:
    """Writes the page.

    Args:
        figures: as in `detection.json`. path: the file.
    """
    hunted = [*figures["twins"].values(), *figures["declarations"].values()]
    properties = {name for twin in hunted for name in twin["expected"]}
    properties |= {name for twin in hunted if twin["killed"] for name in twin["witness"]["properties"]}
    template = Environment(autoescape=True).from_string(_PAGE)
    second = any(twin["other"] for twin in hunted)
    ordered = sorted(properties, key=_catalogue_order)
    path.write_text(template.render(figures, properties=ordered, second=second), encoding="utf-8")


def _catalogue_order(name: str) -> tuple[int, str]:
    return int("".join(letter for letter in name if letter.isdigit())), name
