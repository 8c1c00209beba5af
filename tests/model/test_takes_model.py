"""An installed camera in any order of restarts, deliveries and stops, and what must hold all the same.

The camera counts from 0 (or 1) at every start, loses what it has not finished, and forgets what it
delivered; its card keeps the rest, until a segment of the same name comes. It delivers in any
order, sends names again with other bytes, hears of the stop late or never. What holds after all of
it: **no segment that was ever whole on the controller's disk is gone, and a video that is called
complete covers the session from its told start to the stop within 200 ms.**

``CTLR_MODEL_EXAMPLES`` sets how many stories are told.
"""

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctlr.ingest.keeping import TakeKeeper
from ctlr.layout.raw import LoggingLayout, parse_segment_name, plain_name, segment_name
from ctlr.postprocess.video.facts import FoundFile, Readability, SegmentFacts
from ctlr.postprocess.video.planned import PlannedVideo, plan_video
from ctlr.postprocess.video.scan import scan_node
from ctlr.sessions.model import Session, SessionNode, SessionState, TakeStart

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
NODE = "cam-a"
START_MS = 1_776_313_714_000
SEGMENT_MS = 4000
DELAY_MS = 3000
COVERED_MS = 200
LENIENCE_MS = 600


@dataclass(frozen=True)
class Habits:
    """What is the camera's own: where it counts from, whether timestamps run on, whether its rsync
    keeps times, how far its clock is ahead, and how long after it was told it begins."""

    base: int
    runs_on: bool
    keeps_times: bool
    ahead_ms: int
    latency_ms: int


@dataclass
class Story:
    """Instants are milliseconds since the start that the phone was told."""

    root: Path
    habits: Habits
    now: int = -DELAY_MS
    recording_from: int | None = None
    number: int = 0
    finished_until: int = 0
    card: dict[str, bytes] = field(default_factory=dict)
    delivered: set[bytes] = field(default_factory=set)
    take: int = 1
    starts: list[TakeStart] = field(default_factory=list)
    stopped_at: int | None = None
    confirmed_at: int | None = None
    keeper: TakeKeeper = field(default_factory=TakeKeeper)
    serial: int = 0
    sent_again: bool = False

    @property
    def folder(self) -> Path:
        return self.root / NODE / UUID

    # The camera

    def start(self, at: int) -> None:
        self.recording_from = at + self.habits.latency_ms
        self.number, self.finished_until = self.habits.base, self.recording_from

    def pass_time(self, ms: int) -> None:
        self.now += ms
        while self.recording_from is not None and self.finished_until + SEGMENT_MS <= self.now:
            self._finish(SEGMENT_MS)

    def _finish(self, length: int) -> None:
        assert self.recording_from is not None
        self.serial += 1
        said = {
            "serial": self.serial,
            "begin": self.finished_until,
            "length": length,
            "since_start": self.finished_until - self.recording_from,
        }
        self.card[segment_name(self.number)] = json.dumps(said).encode()
        self.number, self.finished_until = self.number + 1, self.finished_until + length

    def lose_power(self) -> None:
        self.recording_from = None

    def hear_of_the_stop(self) -> None:
        if self.recording_from is not None:
            if self.now > self.finished_until:
                self._finish(self.now - self.finished_until)
            self.recording_from = None
            self.confirmed_at = self.now

    # Its delivery, and what the controller does about it within a second

    def deliver(self, most: int, *, backwards: bool) -> None:
        names = sorted(self.card, reverse=backwards)[:most]
        for name in names:
            self._put(name, self.card.pop(name))
        self.look()

    def send_again(self, which: int) -> None:
        """A name that the controller has, with other bytes."""
        shown = sorted(path.name for path in self.folder.glob("seg_????.mp4"))
        if shown:
            self.sent_again = True
            name = shown[which % len(shown)]
            self.serial += 1
            said = json.loads((self.folder / name).read_bytes()) | {"serial": self.serial}
            self._put(name, json.dumps(said).encode())
            self.look()

    def _put(self, name: str, data: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        hidden = self.folder / f".{name}.AbCdEf"
        hidden.write_bytes(data)
        at = self.now
        if self.habits.keeps_times:
            said = json.loads(data)
            at = said["begin"] + said["length"] + self.habits.ahead_ms
        at_ns = (START_MS + at) * 1_000_000 + self.serial
        os.utime(hidden, ns=(at_ns, at_ns))
        os.replace(hidden, self.folder / name)
        self.delivered.add(data)

    def look(self) -> None:
        self.keeper.keep(self.folder, self.take)

    # The controller

    def restart_the_controller(self) -> None:
        self.keeper = TakeKeeper()

    def tell_again(self, *, heard: bool) -> None:
        """The camera is seen idle in the middle of the session."""
        if self.stopped_at is not None or self.recording_from is not None or self.now < 0:
            return
        self.look()
        self.take += 1
        at = self.now + DELAY_MS
        self.starts.append(TakeStart(self.take, START_MS + at))
        if heard:
            self.start(at)

    def stop(self) -> None:
        if self.stopped_at is None and self.now > 0:
            self.stopped_at = self.now

    # What is made of it

    def plan(self) -> PlannedVideo:
        files = scan_node(LoggingLayout(self.root), NODE, UUID)
        node = SessionNode(
            NODE,
            started=True,
            stopped_at_ms=None if self.confirmed_at is None else START_MS + self.confirmed_at,
            starts=tuple(self.starts),
        )
        session = Session(
            UUID,
            SessionState.PROCESSING,
            start_at_ms=START_MS,
            stopped_at_ms=START_MS + (self.stopped_at or 0),
            nodes=(node,),
        )
        return plan_video(files, [self._facts(file) for file in files.segments], session)

    def _facts(self, file: FoundFile) -> SegmentFacts:
        said = json.loads((self.folder / file.path).read_bytes())
        number = parse_segment_name(plain_name(file.path) or "")
        assert number is not None
        return SegmentFacts(
            name=file.path,
            number=number,
            size=file.size,
            mtime_ns=file.mtime_ns,
            readability=Readability.WHOLE,
            signature=b"a",
            timescale=1000,
            first_ticks=said["since_start"] if self.habits.runs_on else 0,
            duration_ticks=said["length"],
            frames=max(said["length"] // 33, 1),
            take=file.take,
            version=file.version,
        )

    def joined(self, video: PlannedVideo) -> list[tuple[int, int, int]]:
        """Of what is in the video: when it was recorded, how long it is, and where it stands."""
        found = []
        for part in video.parts:
            for placed in part.segments:
                said = json.loads((self.folder / placed.facts.name).read_bytes())
                stands = round(float(part.starts_at) * 1000) + placed.at_ticks
                found.append((said["begin"], placed.facts.duration_ticks, stands))
        return found


habits = st.builds(
    Habits,
    base=st.sampled_from([0, 1]),
    runs_on=st.booleans(),
    keeps_times=st.booleans(),
    ahead_ms=st.sampled_from([0, 0, 3000, -3000]),
    latency_ms=st.sampled_from([0, 40, 150, 700]),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([500, 1500, 4000, 9000, 21_000])),
        st.tuples(st.just("deliver"), st.integers(1, 6)),
        st.tuples(st.just("deliver backwards"), st.integers(1, 3)),
        st.tuples(st.just("lose power"), st.just(0)),
        st.tuples(st.just("tell again"), st.sampled_from([1, 1, 1, 0])),
        st.tuples(st.just("send again"), st.integers(0, 5)),
        st.tuples(st.just("restart the controller"), st.just(0)),
        st.tuples(st.just("hear of the stop"), st.just(0)),
    ),
    max_size=25,
)


def tell(story: Story, step: str, value: int) -> None:
    match step:
        case "pass":
            story.pass_time(value)
        case "deliver" | "deliver backwards":
            story.deliver(value, backwards=step != "deliver")
        case "lose power":
            story.lose_power()
        case "tell again":
            story.tell_again(heard=bool(value))
        case "send again":
            story.send_again(value)
        case "restart the controller":
            story.restart_the_controller()
        case "hear of the stop" if story.stopped_at is not None:
            story.hear_of_the_stop()


def check_nothing_is_gone(story: Story) -> None:
    there = {path.read_bytes() for path in story.folder.rglob("seg_*") if path.is_file()}
    assert story.delivered <= there
    shown = {path.read_bytes() for path in story.folder.glob("seg_*.mp4")}
    assert story.delivered <= shown  # and a person finds it


def is_complete(video: PlannedVideo) -> bool:
    return not video.gaps and not any(problem.harms for problem in video.problems)


def check_the_video(story: Story, video: PlannedVideo) -> None:
    stop = story.stopped_at or 0
    joined = story.joined(video)
    if any(problem.harms for problem in video.problems):
        return
    # A name that came again with other bytes may pass for the first one of the next take.
    if not story.sent_again:
        begins = [begin for begin, _, _ in joined]
        assert begins == sorted(begins)
        beyond_ms = LENIENCE_MS + story.habits.latency_ms  # which nobody knows of
        assert all(begin < stop + beyond_ms for begin in begins)
    if is_complete(video):
        within = ((max(begin, 0), min(begin + length, stop)) for begin, length, _ in joined)
        covered = sum(max(end - begin, 0) for begin, end in within)
        assert stop - covered <= COVERED_MS


@settings(
    max_examples=int(os.environ.get("CTLR_MODEL_EXAMPLES", "40")) * 3,
    deadline=None,
    derandomize="CTLR_MODEL_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(habits=habits, late_ms=st.sampled_from([None, None, 8000]), first=steps, after=steps)
def test_nothing_that_was_held_is_lost_and_complete_is_no_guess(
    habits: Habits, late_ms: int | None, first: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="ctlr-takes-") as root:
        story = Story(Path(root), habits)
        story.start(late_ms or 0)
        if late_ms:
            story.starts.append(TakeStart(1, START_MS + late_ms))
        for step, value in [*first, ("pass", 9000)]:
            tell(story, step, value)
            check_nothing_is_gone(story)
        story.stop()
        for step, value in [*after, ("deliver", 99)]:
            tell(story, step, value)
            check_nothing_is_gone(story)
        if story.delivered:
            check_the_video(story, story.plan())
