// Reads cameras over HTTP: MJPEG itself, and everything else through the reader of streams.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "camera-stamps.h"
#include "http-body.h"
#include "http-kind.h"
#include "part-splitter.h"
#include "reader.h"

namespace lintel {

class HttpReader : public Reader {
 public:
  HttpReader(const SourceOptions& options, const std::atomic<bool>& isStopped)
      : options_(options), isStopped_(isStopped), body_(std::make_unique<HttpBody>(isStopped)) {}

  std::string open() override;
  Grab grab() override;
  bool retrieve(Frame& frame) override;
  StreamFormat format() const override { return other_ ? other_->format() : format_; }
  double timestampMs() const override { return other_ ? other_->timestampMs() : stamps_.timestampMs(); }
  SourceClock clock() const override;
  bool isInterlaced() const override { return other_ && other_->isInterlaced(); }
  double fps() const override { return other_ ? other_->fps() : 0; }
  std::string describeWait() const override { return other_ ? other_->describeWait() : wait_; }
  std::string describeLoss() const override;

 private:
  std::string openPictures();
  std::string openOther();
  /// Reads bytes of the body into the splitter. @returns false at the end of the body
  bool readMore();

  const SourceOptions options_;
  const std::atomic<bool>& isStopped_;
  std::unique_ptr<HttpBody> body_;
  HttpKind kind_ = HttpKind::other;
  /// First bytes of the body.
  std::string head_;
  std::optional<PartSplitter> splitter_;
  std::vector<unsigned char> buffer_;
  /// Picture that was grabbed last, and the first one where the opening has read it.
  PartPicture picture_;
  std::optional<PartPicture> ahead_;
  long long pictures_ = 0;
  long long bytes_ = 0;
  /// Number of pictures in a row for which there was nothing to wait.
  int waiting_ = 0;
  std::chrono::steady_clock::duration waited_{};
  StreamFormat format_;
  CameraStamps stamps_;
  /// Why no picture has come since the last one; empty where nothing came.
  std::string wait_;
  /// Reader of a stream that is not MJPEG.
  std::unique_ptr<Reader> other_;
};

}  // namespace lintel
