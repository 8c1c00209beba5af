"""A network camera: real H.264 in real RTP packets, over RTSP with everything in one TCP stream.

It films the test picture, whose blocks hold when each picture was taken, and can go away and
come back, as one does whose cable is pulled.
"""

import socket
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from io import BufferedIOBase
from itertools import count

import av

from ctlr.camera.sources.test import MovingPicture
from ctlr.camera.test_picture import Stamp

FPS = 15
WIDTH, HEIGHT = 320, 64

_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
    "a=control:video\r\n"
)


class NetworkCamera:
    def __init__(self) -> None:
        self._packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._packets.bind(("127.0.0.1", 0))
        self._packets.settimeout(0.2)
        self._ended = threading.Event()
        self._listener: socket.socket | None = None
        self._viewer: socket.socket | None = None
        self.port = 0
        self._threads: list[threading.Thread] = []
        self._start(self._film)
        self._start(self._forward)
        self.come_back()

    @property
    def address(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/stream"

    def come_back(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._start(self._serve, self._listener)

    def go_away(self) -> None:
        listener, self._listener = self._listener, None
        for open_socket in (listener, self._viewer):
            if open_socket is not None:
                try:
                    open_socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the other side was first
                open_socket.close()
        self._viewer = None

    def close(self) -> None:
        self._ended.set()
        self.go_away()
        for thread in self._threads:
            thread.join(10)
        self._packets.close()

    def _start(self, work: Callable[..., None], *values: object) -> None:
        thread = threading.Thread(target=work, args=values)
        self._threads.append(thread)
        thread.start()

    def _film(self) -> None:
        """Take and encode pictures, and send them as RTP packets to ourselves."""
        port = self._packets.getsockname()[1]
        picture = MovingPicture(WIDTH, HEIGHT)
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS)}
        with av.open(f"rtp://127.0.0.1:{port}", "w", format="rtp") as container:
            stream = container.add_stream("libx264", rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            began = time.monotonic()
            for number in count():
                if self._ended.wait(max(0.0, began + number / FPS - time.monotonic())):
                    return
                frame = picture.draw(number, Stamp(time.time_ns() // 1000, number))
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(frame))

    def _forward(self) -> None:
        while not self._ended.is_set():
            try:
                packet = self._packets.recv(65536)
            except TimeoutError:
                continue
            viewer = self._viewer
            if viewer is not None:
                try:
                    viewer.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
                except OSError:
                    self._viewer = None

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # gone away
            with client, client.makefile("rb") as requests:
                try:
                    while self._answer(client, requests.readline(), _headers(requests)):
                        pass
                except OSError:
                    continue  # the viewer hung up

    def _answer(self, client: socket.socket, request: bytes, headers: dict[str, str]) -> bool:
        method = request.split(b" ")[0].decode()
        if not method:
            return False
        lines, body = [f"CSeq: {headers.get('cseq', '0')}", "Session: 1"], ""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == "DESCRIBE":
            body = _SDP
            lines += [f"Content-Base: {self.address}/", "Content-Type: application/sdp"]
        elif method == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        lines.append(f"Content-Length: {len(body)}")
        client.sendall("\r\n".join(["RTSP/1.0 200 OK", *lines, "", body]).encode())
        if method == "PLAY":
            self._viewer = client
        if method == "TEARDOWN":
            self._viewer = None
        return method != "TEARDOWN"


def _headers(requests: BufferedIOBase) -> dict[str, str]:
    headers = {}
    while line := requests.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers
