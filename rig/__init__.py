"""A real machine to try the rig on: Debian with systemd as process 1, our package put there by
our installer, a portable drive with both partitions, camera nodes beside it, driven from outside.

Two levels stand behind one protocol (``machine``): systemd-nspawn, which boots in a second and
shares this kernel, and qemu, which has a kernel, USB ports and a power cord of its own. What is
built once (``image``) lies outside the checkout; a run works on layers over it and leaves nothing.

``make rig`` runs the scenarios that fit a quarter of an hour, ``make rig-full`` all of them.
"""
