"""One picture of what the camera sees, for somebody who looks; never at the recording's cost.

::

    newest -> rules            whether a still may be had at all
           -> maker -> program     a child process of lowest priority that makes it

While something is recorded the newest picture that needs no other (a keyframe, or the camera's own
JPEG) is made into a still; it was taken in any case. While nothing is, the child opens the camera
itself and lets go of it when nobody looks any more, or at once when a recording is to begin: a
process can be ended whatever its camera does, a thread cannot.
"""
