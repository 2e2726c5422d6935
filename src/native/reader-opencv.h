// Reads pictures through OpenCV: V4L2 devices and GStreamer pipelines.
#pragma once

#include <opencv2/videoio.hpp>

#include <string>

#include "reader.h"

namespace lintel {

class OpenCvReader : public Reader {
 public:
  explicit OpenCvReader(const SourceOptions& options) : options_(options) {}

  std::string open() override;
  Grab grab() override;
  bool retrieve(Frame& frame) override;
  StreamFormat format() const override { return format_; }
  double timestampMs() const override;
  double fps() const override { return fps_; }
  std::string describeLoss() const override;

 private:
  std::string openSource();
  std::string openDevice();
  std::string openPipeline();

  const SourceOptions options_;
  cv::VideoCapture video_;
  StreamFormat format_;
  double fps_ = 0;
  /// Number of failed grabs in a row.
  int misses_ = 0;
};

}  // namespace lintel
