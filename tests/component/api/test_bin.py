"""The bin over the API: out of the lists, and back by one call."""

from pathlib import Path

from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import running, settings_in

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


async def test_thrown_in_and_taken_out(tmp_path: Path) -> None:
    async with (
        CameraNode("cam-01", ours=True) as camera,
        running(settings_in(tmp_path, [camera.address])) as controller,
    ):
        path = f"/api/sessions/{UUID[:8]}"
        await controller.until_connected("cam-01")
        (await controller.post(f"{path}/bin")).expect_problem(404, "unknown_session")
        (await controller.start(UUID)).expect()
        (await controller.post(f"{path}/bin")).expect_problem(409, "recording_in_progress")
        (await controller.stop()).expect()

        async def listed(query: str = "") -> list[str]:
            sessions = (await controller.get(f"/api/sessions{query}")).expect()["sessions"]
            return [session["uuid"] for session in sessions]

        asked = await controller.post(f"{path}/bin", json={"everything": True})
        asked.expect_problem(409, "confirmation_needed")
        assert await listed() == [UUID]
        thrown = (await controller.post(f"{path}/bin")).expect()
        assert thrown["bin_scope"] == "copy"
        assert thrown["binned_at"]
        assert (await listed(), await listed("?binned=true")) == ([], [UUID])
        sure = await controller.post(f"{path}/bin", json={"everything": True, "sure": True})
        again = sure.expect()
        assert (again["bin_scope"], again["binned_at"]) == ("everything", thrown["binned_at"])
        back = (await controller.post(f"{path}/restore")).expect()
        assert (back["binned_at"], back["bin_scope"]) == (None, None)
        assert await listed() == [UUID]
