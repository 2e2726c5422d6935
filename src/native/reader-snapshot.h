// Reads a camera that gives one picture for each request over HTTP: it is fetched again and again.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "http-body.h"
#include "reader.h"

namespace lintel {

/// Each fetch is a request of its own. One that fails is a miss, and the next one follows at its time.
class SnapshotReader : public Reader {
 public:
  SnapshotReader(const SourceOptions& options, const std::atomic<bool>& isStopped)
      : options_(options), isStopped_(isStopped), body_(isStopped) {}

  /// Fetches the first picture.
  std::string open() override;
  Grab grab() override;
  bool retrieve(Frame& frame) override;
  StreamFormat format() const override { return format_; }
  double fps() const override { return 1'000.0 / options_.everyMs; }
  std::string describeWait() const override { return wait_; }
  std::string describeCause() const override { return cause_; }
  std::string describeLoss() const override { return "the pictures ended"; }

 private:
  using Clock = std::chrono::steady_clock;

  /// Waits until the next fetch is due. @returns false where the reader was stopped meanwhile
  bool waitForTurn();
  /// Fetches a picture into `picture_`. @returns an empty string, or why there is none, in words
  std::string fetch();
  /// Reads the body up to the end of its picture. @returns an empty string, or why it holds none
  std::string readPicture();
  std::string readPng(std::vector<unsigned char> head);

  const SourceOptions options_;
  const std::atomic<bool>& isStopped_;
  HttpBody body_;
  std::vector<unsigned char> picture_;
  bool isFirst_ = true;
  Clock::time_point begun_;
  /// Why no picture has come since the last one, and what caused it.
  std::string wait_;
  std::string cause_;
  StreamFormat format_;
};

}  // namespace lintel
