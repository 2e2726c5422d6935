// Reads streams and files through FFmpeg's libraries. The format of each picture comes from the decoded picture.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libav-decoder.h"
#include "libav-input.h"
#include "libav-picture.h"
#include "reader.h"

namespace lintel {

/// Must be called once, before any stream is opened.
void prepareLibav();

class LibavReader : public Reader {
 public:
  LibavReader(const SourceOptions& options, const std::atomic<bool>& isStopped);

  /// See LibavInput::takeBody.
  void takeBody(std::unique_ptr<HttpBody> body, std::string head) {
    input_.takeBody(std::move(body), std::move(head));
  }
  std::string open() override;
  Grab grab() override;
  bool retrieve(Frame& frame) override;
  StreamFormat format() const override { return format_; }
  double timestampMs() const override { return timestampMs_; }
  SourceClock clock() const override;
  bool isInterlaced() const override { return isInterlaced_; }
  double fps() const override { return fps_; }
  std::string describeWait() const override { return wait_; }
  std::string describeLoss() const override;

 private:
  using Clock = std::chrono::steady_clock;

  void look();
  bool choose(int index);
  Grab receive();
  Grab decode();
  void finish(int error);
  bool readPicture();
  const uint8_t* findMatrix();

  const SourceOptions options_;
  const std::atomic<bool>& isStopped_;
  LibavInput input_;
  LibavDecoder decoder_;
  const std::shared_ptr<LibavConverter> converter_ = std::make_shared<LibavConverter>();
  const PacketPtr packet_;
  const FramePtr frame_;
  /// Stream that is decoded; -1 where none was found yet.
  int index_ = -1;
  /// Number of streams that the input had when they were looked at.
  unsigned seen_ = 0;
  /// Time of the last packet of the stream that is decoded.
  Clock::time_point heardAt_;
  /// Number of packets from now on that may belong to pictures with lost parts.
  int lossy_ = 0;
  bool isDraining_ = false;
  int endError_ = 0;
  StreamFormat format_;
  /// Display matrix that a picture brought; empty where none did since the last key picture.
  std::vector<uint8_t> matrix_;
  double timestampMs_ = 0;
  bool hasTime_ = false;
  bool isInterlaced_ = false;
  double fps_ = 0;
  /// Why no picture has come since the last one; empty where nothing came.
  std::string wait_;
  /// Why a video stream cannot be decoded.
  std::string undecodable_;
};

}  // namespace lintel
