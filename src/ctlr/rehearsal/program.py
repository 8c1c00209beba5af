"""Looks at each camera's picture in a session's folder: ``python -m ctlr.rehearsal.program FOLDER
[FOLDER]``, a child of the controller.

The second folder is of an earlier session, which the first is compared with. Prints one JSON object,
by camera: ``{"look", "earlier", "view"}``, or ``{"error"}``.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ctlr.kernel.priority import give_way
from ctlr.postprocess.folder.folders import read_manifest
from ctlr.postprocess.manifest.shapes import VideoSource
from ctlr.postprocess.video.picture import read_luma
from ctlr.rehearsal.views import compare, look_at, shrink

AT_S = 2.0
"""Into the session: by then a camera has found its exposure."""


def main(folders: list[Path]) -> None:
    give_way()
    now, *before = (videos_of(folder) for folder in folders)
    earlier = before[0] if before else {}
    seen = {name: look(path, earlier.get(name)) for name, path in now.items()}
    sys.stdout.write(json.dumps(seen))


def videos_of(folder: Path) -> dict[str, Path]:
    """The first video of each camera in a session's folder."""
    manifest = read_manifest(folder)
    sources = manifest.sources.items() if manifest else ()
    return {
        name: folder / source.file for name, source in sources if isinstance(source, VideoSource)
    }


def look(path: Path, earlier: Path | None) -> dict[str, Any]:
    try:
        luma = read_luma(path, AT_S)
    except (OSError, ValueError) as error:
        return {"error": str(error)}
    found: dict[str, Any] = {"look": asdict(look_at(luma))}
    if earlier is not None:
        try:
            before = read_luma(earlier, AT_S)
        except (OSError, ValueError):
            return found
        found["earlier"] = asdict(look_at(before))
        found["view"] = asdict(compare(shrink(luma), shrink(before)))
    return found


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
