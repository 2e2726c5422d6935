// Opens a stream or a file with FFmpeg's libavformat, and reads its packets.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "http-body.h"
#include "libav.h"
#include "source.h"

namespace lintel {

class LibavInput {
 public:
  /// @param isStopped ends a call that blocks when it becomes true; must live longer
  LibavInput(const SourceOptions& options, const std::atomic<bool>& isStopped);
  ~LibavInput();
  LibavInput(const LibavInput&) = delete;
  LibavInput& operator=(const LibavInput&) = delete;

  /// Makes open() continue a body whose answer was received before, in place of a connection of its own. @param head
  /// bytes of the body that were read already
  void takeBody(std::unique_ptr<HttpBody> body, std::string head);
  /// Blocks until the source is open. @returns an empty string, or why it did not open, in words without the target
  std::string open();
  /// Reads the next packet. @returns 0, or an error of FFmpeg
  int read(AVPacket& packet);
  /// Valid after open().
  AVFormatContext& context() { return *context_; }

  /// Returns true where packets carry time stamps of the source.
  bool hasTimestamps() const;
  /// Returns true where the source comes in segments of some seconds: HLS and DASH.
  bool isSegmented() const;

 private:
  std::string openUrl();
  std::string openFile();
  void openBody();
  static int readBody(void* input, uint8_t* bytes, int most);

  const SourceOptions options_;
  const std::atomic<bool>& isStopped_;
  AVFormatContext* context_ = nullptr;
  /// The open file, where the source is one.
  AVIOContext* file_ = nullptr;
  std::unique_ptr<HttpBody> body_;
  std::string head_;
  AVIOContext* bodyContext_ = nullptr;
};

/// Describes an error of FFmpeg in words.
std::string describeLibavError(int error);

}  // namespace lintel
