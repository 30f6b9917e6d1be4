"""The kill matrix as one page: twins by property, what each of them took, and what is lost without what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment

__all__ = ["write_page"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Kill matrix</title><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px } th, td { padding: .25rem .5rem; text-align: left;
border-bottom: 1px solid #ddd; vertical-align: top } th { background: #f4f4f4 } code { font-size: 12px }
.yes { background: #d8f0d8 } .no { background: #f8d0d0 } .named { outline: 2px solid #888; outline-offset: -2px }
</style></head><body>
<h1>Kill matrix</h1>
<p>{{ score.killed }} of {{ score.of }} broken twins were caught, {{ score.as_named }} of them by a property that the
catalogue names; the median needed {{ score.median_plans }} plans until the first witness. {{ score.replayed_9_of_10 }}
witnesses failed again in at least nine of ten replays. {{ score.false_alarms }} false alarms in
{{ score.clean_cases }} clean cases. {{ cases }} cases in {{ seconds }} s, {{ cases_per_min }} a minute;
explorations, one after the other: {{ explorations | join(", ") }}.</p>
<h2>Twins</h2>
<p>A filled cell: the smallest witness breaks this property. A frame: the catalogue names it, and one of those is
enough.</p>
<table><tr><th>twin</th><th>flaw</th>{% for name in properties %}<th>{{ name }}</th>{% endfor %}
<th>exploration</th><th>plans</th><th>s</th><th>again</th><th>smallest witness</th></tr>
{% for name, twin in twins.items() %}<tr><td class="{{ 'yes' if twin.killed else 'no' }}">{{ name }}</td>
<td>{{ twin.flaw }}</td>{% for prop in properties %}<td class="{{ 'yes' if twin.killed and prop in
twin.witness.properties }} {{ 'named' if prop in twin.expected }}">{{ "●" if twin.killed and prop in
twin.witness.properties }}</td>{% endfor %}<td>{{ twin.exploration }}</td><td>{{ twin.plans }}</td>
<td>{{ twin.seconds }}</td><td>{{ twin.replayed or "" }}</td><td>{% if twin.killed %}
{% for fault in twin.witness.faults %}<code>{{ fault }}</code><br>{% else %}no faults{% endfor %}{% else %}
<b>survived</b> {{ twin.error }}{% endif %}</td></tr>
{% endfor %}</table>
<h2>Controls</h2>
<table><tr><th>control</th><th></th><th>runs</th><th>false alarms</th><th>no verdict</th></tr>
{% for name, control in controls.items() %}<tr><td class="{{ 'no' if control.false_alarms or control.error else
'yes' }}">{{ name }}</td><td>{{ control.about }}</td><td>{{ control.runs }}</td><td>{{ control.false_alarms }}
{% for alarm in control.alarms %}<br><code>{{ alarm }}</code>{% endfor %}{{ control.error }}</td>
<td>{{ control.inconclusive | length }}{% for alarm in control.inconclusive %}<br><code>{{ alarm }}</code>{% endfor %}
</td></tr>
{% endfor %}</table>
<h2>What each part is worth</h2>
<p>Left out, and these twins lose the witness above: its history, judged again without the property, is no violation;
or it needs a fault of that kind.{% if second %} Bold: no plan of the same explorations without the kinds of faults of
its witness kills it.{% endif %}</p>
<table><tr><th>without property</th><th>lost</th><th></th></tr>
{% for name in properties %}<tr><td>{{ name }}</td><td>{{ removal.properties.get(name, []) | length }}</td>
<td>{{ removal.properties.get(name, []) | join(" ") }}</td></tr>{% endfor %}</table>
<table><tr><th>without fault</th><th>lost</th><th></th></tr>
{% for name, lost in removal.faults.items() %}<tr><td>{{ name }}</td><td>{{ lost | length }}</td>
<td>{% for twin in lost %}{% if second and twin in removal.faults_only.get(name, []) %}<b>{{ twin }}</b>{% else %}
{{ twin }}{% endif %} {% endfor %}</td></tr>{% endfor %}</table>
</body></html>
"""


def write_page(figures: Mapping[str, Any], path: Path) -> None:
    """Writes the page.

    Args:
        figures: as in `detection.json`. path: the file.
    """
    twins = figures["twins"].values()
    properties = {name for twin in twins for name in twin["expected"]}
    properties |= {name for twin in twins if twin["killed"] for name in twin["witness"]["properties"]}
    template = Environment(autoescape=True).from_string(_PAGE)
    second = any(twin["other"] for twin in twins)
    ordered = sorted(properties, key=_catalogue_order)
    path.write_text(template.render(figures, properties=ordered, second=second), encoding="utf-8")


def _catalogue_order(name: str) -> tuple[int, str]:
    return int("".join(letter for letter in name if letter.isdigit())), name
