"""The verdict of a rehearsal: each check in words, and one sentence of all. Pure.

A check is passed, failed, or could not be made. What could not be made fails nothing: a rig with one
camera has no step to measure, and the first session of all nothing to be compared with.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ctlr.postprocess.manifest.shapes import Manifest, VideoSource
from ctlr.postprocess.manifest.sync import SyncSection
from ctlr.rehearsal.seen import Look, Seen, View
from ctlr.sessions.model import Session

TOO_DARK, TOO_BRIGHT = 0.06, 0.92
MOSTLY_DARK, MOSTLY_BRIGHT = 0.7, 0.4
BLURRED = 0.35
"""Of the sharpness that it had when it saw the same."""

CheckName = Literal["recorded", "step", "drops", "brightness", "sharpness", "view"]
Judged = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True)
class Check:
    """``camera`` is None for a check of all together."""

    name: CheckName
    camera: str | None
    result: Judged
    text: str


@dataclass(frozen=True)
class Verdict:
    """``result`` is ``fail`` if any check is; ``text`` says what to see to, or that all is well."""

    result: Literal["pass", "fail"]
    text: str
    checks: tuple[Check, ...]


def judge(
    session: Session, manifest: Manifest | None, seen: Mapping[str, Seen], earlier: str | None
) -> Verdict:
    """``earlier`` is what the session is called that the pictures were compared with."""
    checks = tuple(_checks(session, manifest, seen, earlier))
    failed = [check.text for check in checks if check.result == "fail"]
    if failed:
        return Verdict("fail", " ".join(failed), checks)
    cameras = sum(check.name == "drops" for check in checks)
    whose = "1 camera" if cameras == 1 else f"{cameras} cameras"
    return Verdict("pass", f"All is well: {whose} recorded without a lost frame.", checks)


def judge_without(text: str) -> Verdict:
    """The verdict where nothing could be made of the rehearsal."""
    return Verdict("fail", text, (Check("recorded", None, "fail", text),))


def _checks(
    session: Session, manifest: Manifest | None, seen: Mapping[str, Seen], earlier: str | None
) -> Iterator[Check]:
    sources = manifest.sources if manifest else {}
    videos = {name: found for name, found in sources.items() if isinstance(found, VideoSource)}
    for node in sorted(session.nodes, key=lambda node: node.name):
        if node.name not in videos:
            text = f"{node.name} has recorded nothing ({node.error or 'nothing of it has come'})."
            yield Check("recorded", node.name, "fail", text)
    if not videos and not session.nodes:
        yield Check("recorded", None, "fail", "No camera has recorded.")
    if manifest is not None:
        yield _step(manifest.sync)
    for name, video in sorted(videos.items()):
        yield Check("recorded", name, "pass", f"{name} has recorded {video.frames} frames.")
        yield _drops(name, video)
        yield from _pictures(name, seen.get(name, Seen()), earlier)


def _step(sync: SyncSection) -> Check:
    return Check("step", None, sync.verdict, sync.text)


def _drops(name: str, video: VideoSource) -> Check:
    lost = sum(part.dropped or 0 for part in video.videos)
    if lost or video.gaps:
        return Check("drops", name, "fail", f"{name} has lost {lost or 'some'} frames.")
    if video.dropped is None:
        return Check("drops", name, "unknown", f"{name} does not tell whether frames were lost.")
    return Check("drops", name, "pass", f"{name} has lost no frame.")


def _pictures(name: str, seen: Seen, earlier: str | None) -> Sequence[Check]:
    if seen.look is None:
        text = f"The picture of {name} could not be looked at ({seen.error or 'no reason given'})."
        return [Check("brightness", name, "unknown", text)]
    return [
        _brightness(name, seen.look),
        _sharpness(name, seen, earlier),
        _view(name, seen.view, earlier),
    ]


def _brightness(name: str, look: Look) -> Check:
    share = f"{100 * look.brightness:.0f} % bright"
    if look.brightness < TOO_DARK or look.dark > MOSTLY_DARK:
        text = f"{name} sees next to nothing ({share}): is its cap on, or is it night?"
        return Check("brightness", name, "fail", text)
    if look.brightness > TOO_BRIGHT or look.bright > MOSTLY_BRIGHT:
        text = f"{name} is dazzled ({share}): turn it away from the light, or shorten its exposure."
        return Check("brightness", name, "fail", text)
    return Check("brightness", name, "pass", f"The picture of {name} is {share}.")


def _sharpness(name: str, seen: Seen, earlier: str | None) -> Check:
    look, before = seen.look, seen.earlier
    sees_the_same = seen.view is not None and seen.view.state in ("same", "moved")
    if look is None or before is None or not sees_the_same or before.sharpness <= 0:
        text = f"How sharp {name} is cannot be told without an earlier picture of the same."
        return Check("sharpness", name, "unknown", text)
    share = look.sharpness / before.sharpness
    if share < BLURRED:
        text = (
            f"{name} is blurred: {100 * share:.0f} % of the detail of {earlier}. Clean its lens and "
            "look at its focus."
        )
        return Check("sharpness", name, "fail", text)
    return Check("sharpness", name, "pass", f"{name} is as sharp as in {earlier}.")


def _view(name: str, view: View | None, earlier: str | None) -> Check:
    if view is None:
        text = f"There is no earlier picture of {name} to compare with."
        return Check("view", name, "unknown", text)
    if view.state == "moved":
        text = f"{name} has moved: what it sees lies {_shift(view)} than in {earlier}."
        return Check("view", name, "fail", text)
    if view.state == "same":
        return Check("view", name, "pass", f"{name} sees what it saw in {earlier}.")
    text = f"{name} sees something else than in {earlier}, so whether it has moved cannot be told."
    return Check("view", name, "unknown", text)


def _shift(view: View) -> str:
    aside = f"{100 * abs(view.right):.0f} % further {'right' if view.right > 0 else 'left'}"
    along = f"{100 * abs(view.down):.0f} % {'lower' if view.down > 0 else 'higher'}"
    wanted = [words for words, by in ((aside, view.right), (along, view.down)) if abs(by) >= 0.01]
    return " and ".join(wanted)
