"""The page of a controller: its feed, and what it may touch."""

from collections.abc import Callable

from fastapi import APIRouter

from ctlr.api.nodes import list_nodes
from ctlr.api.overview import Facts
from ctlr.api.sessions import SessionsParts
from ctlr.app.controller import Controller
from ctlr.page.feed import PageFeed
from ctlr.page.reading import Reading
from ctlr.page.routes import PageParts, page_router


def page_of(it: Controller, facts: Callable[[], Facts], of_sessions: SessionsParts) -> APIRouter:
    """The routes of the page; what must be remembered of a take is from now on."""
    findings = it.conditions.known_findings
    feed = PageFeed(facts, findings, it.changes, it.clock)
    it.tasks.start_loop("page", feed.keep_forever())
    parts = PageParts(
        clock=it.clock,
        feed=feed,
        reading=Reading(of_sessions, it.log_reader.read),
        preflight=it.conditions.preflight,
        known_findings=findings,
        nodes=lambda: list_nodes(it.roster, it.fleet),
        versions=it.roster.versions,
        configuration=it.settings.model_dump,
        node=it.settings.node,
    )
    return page_router(parts)
