"""``ctlr nodes``: the rig's cameras, those that announce themselves, and adopting them."""

import time
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer
from rich.table import Table

from ctlr.cli.command import SETUP, app
from ctlr.cli.controller import (
    AsJson,
    Json,
    Url,
    ask,
    controller_url,
    print_json,
    printable,
    printer,
    understand,
)

if TYPE_CHECKING:  # loaded by the verbs that read an answer: a worker and a camera do without
    from ctlr.api import node_shapes

nodes = typer.Typer(help="The cameras of the rig: list, add, remove.", no_args_is_help=True)
app.add_typer(nodes, name="nodes", rich_help_panel=SETUP)


@nodes.command("list")
def list_nodes(context: typer.Context, *, url: Url = None, as_json: AsJson = False) -> None:
    """List the rig's cameras, and those that announce themselves and are not in it."""
    answer = ask(controller_url(context, url), "GET", "/api/nodes")
    if as_json:
        print_json(answer)
    else:
        from ctlr.api import node_shapes

        _print_nodes(understand(node_shapes.NodeList, answer), time.time() * 1000)


@nodes.command("add")
def add_node(
    context: typer.Context,
    camera: Annotated[str, typer.Argument(help="Its host:port, or the name it announces.")],
    name: Annotated[str | None, typer.Option(help="Refuse a camera with another name.")] = None,
    *,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Adopt a camera: record with it from now on, without a restart."""
    by_address = ":" in camera
    if name is not None and not by_address:
        raise typer.BadParameter("give --name only with host:port", param_hint="--name")
    body: Json = {"address": camera, "name": name} if by_address else {"name": camera}
    answer = ask(controller_url(context, url), "POST", "/api/nodes", body)
    if as_json:
        print_json(answer)
        return
    from ctlr.api import node_shapes

    adopted = understand(node_shapes.AdoptAnswer, answer)
    node, state = adopted.node, adopted.saw.state
    where = f"{printable(node.name)} at {printable(node.address)}"
    typer.echo(f"The rig has {where} ({node.origin}); it is {printable(state)}.")


@nodes.command("remove")
def remove_node(context: typer.Context, name: str, *, url: Url = None) -> None:
    """Take an adopted camera out of the rig; what it recorded stays."""
    ask(controller_url(context, url), "DELETE", f"/api/nodes/{quote(name, safe='')}")
    typer.echo(f"The rig no longer has {name}.")


def _print_nodes(answer: "node_shapes.NodeList", now_ms: float) -> None:
    console = printer()
    table = Table("camera", "address", "from", "answers", "error", title="In the rig")
    for node in answer.configured:
        answers = "yes" if node.connected else "no"
        cells = (node.name, node.address, node.origin, answers, node.error)
        table.add_row(*map(printable, cells))
    console.print(table if answer.configured else "The rig has no camera.")
    if answer.discovered:
        console.print(_discovered(answer.discovered, now_ms))
    elif answer.discovery_error:
        console.print(f"Cameras cannot be discovered: {printable(answer.discovery_error)}.")
    else:
        console.print("No other camera announces itself on this network.")


def _discovered(cameras: "list[node_shapes.DiscoveredNode]", now_ms: float) -> Table:
    table = Table("camera", "address", "version", "seen", "conflict", title="Not in the rig")
    for camera in cameras:
        seen = f"{max(0, now_ms - camera.last_seen_at) / 1000:.0f} s ago"
        cells = (camera.name, camera.address, camera.version, seen, camera.conflict)
        table.add_row(*map(printable, cells))
    return table
