// FFmpeg's libraries: their headers, owners of their objects, and what differs between their versions (4.4 to 7).
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
}

#include <cstdint>
#include <memory>

namespace lintel {

struct PacketDeleter {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
struct FrameDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct CodecDeleter {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};

using PacketPtr = std::unique_ptr<AVPacket, PacketDeleter>;
using FramePtr = std::unique_ptr<AVFrame, FrameDeleter>;
using CodecPtr = std::unique_ptr<AVCodecContext, CodecDeleter>;

// FFmpeg 6.1 moved the properties of a frame into flags.
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
inline bool isKeyFrame(const AVFrame& frame) { return (frame.flags & AV_FRAME_FLAG_KEY) != 0; }
inline bool isInterlacedFrame(const AVFrame& frame) { return (frame.flags & AV_FRAME_FLAG_INTERLACED) != 0; }
#else
inline bool isKeyFrame(const AVFrame& frame) { return frame.key_frame != 0; }
inline bool isInterlacedFrame(const AVFrame& frame) { return frame.interlaced_frame != 0; }
#endif

// FFmpeg 6 replaced reordered_opaque, which leads from a frame to its packet.
#ifdef AV_CODEC_FLAG_COPY_OPAQUE
inline void prepareNumbering(AVCodecContext& codec) { codec.flags |= AV_CODEC_FLAG_COPY_OPAQUE; }
inline void numberPacket(AVCodecContext&, AVPacket& packet, int64_t number) {
  packet.opaque = reinterpret_cast<void*>(static_cast<intptr_t>(number));
}
inline int64_t readNumber(const AVFrame& frame) { return reinterpret_cast<intptr_t>(frame.opaque); }
#else
inline void prepareNumbering(AVCodecContext&) {}
inline void numberPacket(AVCodecContext& codec, AVPacket&, int64_t number) { codec.reordered_opaque = number; }
inline int64_t readNumber(const AVFrame& frame) { return frame.reordered_opaque; }
#endif

/// Makes the decoder put the rotation that a container asks for into the frames. Since FFmpeg 6.1 it does so by itself.
inline void passSideData(AVFormatContext& input) {
#if LIBAVCODEC_VERSION_INT < AV_VERSION_INT(60, 30, 100)
  av_format_inject_global_side_data(&input);
#else
  (void)input;
#endif
}

}  // namespace lintel
