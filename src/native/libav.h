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

/// Number of elements of a display matrix.
constexpr size_t kMatrixLength = 9;

/// Finds the rotation that a container asks for, as a matrix of nine 32-bit numbers. @returns null where there is none
inline const uint8_t* findStreamMatrix(const AVStream& stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 100)
  const AVPacketSideData* data = av_packet_side_data_get(
      stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  return data != nullptr && data->size >= kMatrixLength * sizeof(int32_t) ? data->data : nullptr;
#else
  size_t size = 0;
  const uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  return size >= kMatrixLength * sizeof(int32_t) ? data : nullptr;
#endif
}

/// Finds the rotation that a picture itself asks for. @returns null where there is none
inline const uint8_t* findFrameMatrix(const AVFrame& frame) {
  const AVFrameSideData* data = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
  return data != nullptr && data->size >= kMatrixLength * sizeof(int32_t) ? data->data : nullptr;
}

}  // namespace lintel
