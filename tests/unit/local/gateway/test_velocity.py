"""Our templates and their constructs render as Apache Velocity renders them: compared with renderings it made."""

import json
from typing import Any

import pytest

from tests.unit.local.gateway.velocity.case import Case
from tests.unit.local.gateway.velocity.render import ENDINGS, RENDERINGS, TEMPLATES
from webhookctl.local.gateway.subset import check_subset
from webhookctl.local.gateway.vtl import Template

RECORDED: list[dict[str, Any]] = json.loads(RENDERINGS.read_text())["renderings"]


def test_renderings_are_those_of_velocity() -> None:
    for each in RECORDED:
        case = Case(**each["case"])
        check_subset(Template(case.template))
        text, status = case.render()
        assert {"text": text, "status": status} == each["rendered"], case


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.vtl")), ids=lambda path: path.name)
def test_every_template_of_ours_was_rendered_by_velocity_as_it_is_now(template: Any) -> None:
    """Otherwise: `python -m tests.unit.local.gateway.velocity.render`."""
    rendered = {each["case"]["template"] for each in RECORDED}
    if template.name in ENDINGS.values():  # which are no templates by themselves
        assert any(each.endswith(template.read_text()) for each in rendered)
    else:
        assert template.read_text() in rendered
