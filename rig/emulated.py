"""Stages with one emulated machine among containers: the controller, or a camera.

It starts from what the installer made in a container, packed into a disk with Debian's kernel
under it. What a container lacks and was given in place is taken away again: exFAT is the
kernel's here, and the clock is the machine's own.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rig.containers import ADDRESSES, Workshop, forget_others
from rig.image import kept
from rig.lan import BRIDGE
from rig.qemu import QemuMachine, VmImage
from rig.stage import CAMERAS, CONTROLLER, Stage
from rig.vm_image import add_kernel, pack

SLOWNESS = 3.0
"""Limits of time are so many times longer: the API may take 300 ms instead of 100."""

_OF_A_CONTAINER = {
    "/usr/sbin/mount.exfat": None,
    "/etc/systemd/system/chrony.service.d/rig.conf": None,
}
_TEST_CAMERA = {
    "/etc/modules-load.d/vivid.conf": "vivid\n",
    "/etc/modprobe.d/vivid.conf": "options vivid n_devs=1\n",
}


class EmulatedWorkshop(Workshop):
    """A workshop that also makes machines with a kernel of their own."""

    def emulated_stage(self, chance: random.Random) -> Stage:
        """The controller is emulated; ``chance`` decides what a cut or a pull takes."""
        stage = self.installed_stage()
        stage.controller.close()
        made = self.installed()
        controller = self._emulate(CONTROLLER, made / "controller.img", stage, chance, {})
        return replace(stage, controller=controller, slowness=SLOWNESS, is_emulated=True)

    def emulated_camera_stage(self, chance: random.Random) -> Stage:
        """One camera, emulated, with the kernel's test camera as /dev/video0."""
        stage = self.installed_stage()
        for camera in stage.cameras:
            camera.close()
        made = self.installed()
        camera = self._emulate(CAMERAS[0], made / "camera.img", stage, chance, _TEST_CAMERA)
        return replace(stage, cameras=[camera], slowness=SLOWNESS, is_emulated=True)

    def _emulate(
        self,
        name: str,
        layer: Path,
        stage: Stage,
        chance: random.Random,
        files: Mapping[str, str | None],
    ) -> QemuMachine:
        kernel = add_kernel(self.image)
        inputs = [layer.parent.name, layer.name, kernel.name]
        lower = [self.layer(layer), kernel, self.image.root]
        folder = kept("emulated", inputs, lambda made: pack(lower, made))
        forget_others(folder)
        return QemuMachine(
            name,
            ADDRESSES[name],
            VmImage.in_folder(folder),
            stage.folder / name,
            bridge=BRIDGE,
            files={**_OF_A_CONTAINER, **files},
            chance=chance,
        )
