"""MP4 files as far as joining needs them: reading a segment's tables, writing those of the result.

``movie`` reads a segment, plain (``headers``, ``tables``) or fragmented (``fragments``), through
``boxes``, which trusts nothing; ``merge`` joins the tables of many and writes one ``moov``, with
its ``chapters``.
"""
