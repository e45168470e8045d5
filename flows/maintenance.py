"""The upkeep of the lake as a Prefect flow, once a week."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State

from flows.alerts import watched
from flows.artifacts import counted, escaped
from flows.maintain import Action, words
from flows.request import Request
from flows.summary import complaints
from flows.tasks import Tasks, ended, lake_slot
from flows.upkeep import maintained
from lake.datasets import pick
from lake.settings import load


@flow(name="maintenance", persist_result=False, validate_parameters=True)
def maintenance(
    action: Action = Action.all, wait: bool = False
) -> dict[str, Any] | State[dict[str, Any]]:
    """What `quantmini maintain` does: one action, or all of them."""
    asked = Request(load(), pick(None), command=f"maintain {action.value}", wait=wait)

    def work() -> dict[str, Any]:
        with lake_slot(asked.layout):
            return maintained(asked.settings, action.value, Tasks(asked).step, wait=wait)

    document = watched(asked, work)
    failures = complaints(document)
    create_markdown_artifact(
        key="maintenance-summary",
        markdown="\n".join(f"- {escaped(line)}" for line in words(document).splitlines()),
        description=counted(failures),
    )
    return ended(document, failures)
