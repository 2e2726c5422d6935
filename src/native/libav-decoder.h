// Decodes the packets of one stream with FFmpeg's libavcodec, and finds out which pictures can be trusted.
#pragma once

#include <cstdint>
#include <string>

#include "libav.h"
#include "stream-trust.h"

namespace lintel {

class LibavDecoder {
 public:
  /// Opens a decoder for a stream. @returns an empty string, or why it did not open, in words
  std::string open(const AVStream& stream);
  bool isOpen() const { return codec_ != nullptr; }
  /// Returns true where the decoder is for the codec that the stream has now.
  bool suits(const AVStream& stream) const;

  /// Takes a packet; null asks for the last pictures. @param isLossy true where packets were lost before this one
  void send(AVPacket* packet, bool isLossy);
  enum class Received { picture, damaged, nothing, end };
  /// Gives the next picture in the order of its output. @param frame is unreferenced first
  Received receive(AVFrame& frame);

  /// Name of the codec, such as h264.
  const char* name() const;
  /// True where the codec knows key pictures only.
  bool isIntraOnly() const;
  AVCodecContext& context() { return *codec_; }
  /// What the decoder or the network said about the last damage; may be empty.
  const std::string& damageText() const { return damageText_; }

 private:
  CodecPtr codec_;
  StreamTrust trust_;
  /// Number of the last packet.
  int64_t number_ = 0;
  std::string damageText_;
  bool hasFailed_ = false;
};

}  // namespace lintel
