"""The camera node: records segments on time, keeps them safe, delivers them.

::

    agent -> node -> recorder -> sources/*          a recording and who asks for it
                          \\-> segment_file, spool   what lies on the card
             node -> sender -> rsync, reporter      what leaves it, and what may be deleted

``schedule``, ``segments`` and ``delivery`` are pure. ``service`` puts the parts together.
"""
