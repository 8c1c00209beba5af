"""Arrived segments become one verified, portable session folder.

``scan`` and ``examine`` gather facts, ``plan`` decides (pure), ``session`` acts: it splices the
videos (``mp4`` knows the format), copies the rest, writes the manifest last and lets the folder
appear by rename.
"""
