"""The forms in which a session can be exported, by the names of their options."""

from ctlr.export.jobs import Kind
from ctlr.export.mcap import write_mcap
from ctlr.export.parquet import write_parquet
from ctlr.export.side_by_side import write_side_by_side

KINDS = {
    kind.name: kind
    for kind in (
        Kind("mcap", ".mcap", write_mcap),
        Kind("parquet", ".parquet", write_parquet),
        Kind("side-by-side", ".side-by-side.mp4", write_side_by_side),
    )
}
