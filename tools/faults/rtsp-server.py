# An RTSP camera for the tests, made with GStreamer's server library: rtsp://127.0.0.1:PORT/door, MJPEG, 320 x 240, 25 frames per second.
# It reads lines: "quiet" shows one still picture, "lively" shows moving pictures again. It ends when its standard input ends.
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    "( videotestsrc name=source is-live=true pattern=ball background-color=0xff406080"
    " ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
)


def main():
    Gst.init(None)
    loop = GLib.MainLoop()
    state = {"pattern": "ball"}
    sources = []

    def configure(_factory, media):
        source = media.get_element().get_child_by_name("source")
        source.set_property("pattern", state["pattern"])
        sources[:] = [source]

    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE)
    factory.set_shared(True)
    factory.connect("media-configure", configure)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    server.get_mount_points().add_factory("/door", factory)
    if server.attach(None) == 0:
        sys.exit("the port is taken")

    def command(channel, _condition):
        line = channel.readline()
        if not line:
            loop.quit()
            return False
        state["pattern"] = "checkers-8" if line.strip() == "quiet" else "ball"
        for source in sources:
            source.set_property("pattern", state["pattern"])
        return True

    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, command)
    print("listening", flush=True)
    loop.run()


main()
