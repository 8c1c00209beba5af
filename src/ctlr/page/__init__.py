"""The page in the crew's hand: words in Python, motion in plain JavaScript modules.

``view`` makes every sentence, level and button state from the facts and is pure; ``feed`` keeps the
newest view ready and shares it with all screens; ``routes`` paints it and pushes it. The page shows
what the API says and calls what the API has: it decides nothing about the rig.
"""
