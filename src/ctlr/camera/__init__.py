"""The camera node: records segments on time, keeps them safe, delivers them.

::

    agent -> node -> current -> recorder -> sources/*          a recording and who asks for it
                                        \\-> segment_file, spool   what lies on the card
             node -> checks, card, vitals                      what could spoil it
             node -> stills/*                              what somebody sees who looks
             node -> sender -> rsync, reporter                 what leaves, and may be deleted

``schedule``, ``segments``, ``resume`` and ``delivery`` are pure. ``service`` puts the parts together.
"""
