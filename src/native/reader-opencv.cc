// Reads pictures through OpenCV: V4L2 devices and GStreamer pipelines.
#include "reader-opencv.h"

#include <opencv2/imgproc.hpp>

#include <cmath>
#include <vector>

namespace lintel {
namespace {

/// Time by which the library's own time-out is later than the capture's, whose error is clearer.
constexpr int kLaterMs = 200;
/// Highest credible frame rate.
constexpr double kMostFps = 1'000;
/// Number of failed grabs in a row from which a source has ended. A damaged picture makes one grab fail; at the end
/// every grab fails at once.
constexpr int kMaxMisses = 8;

std::vector<int> timeouts(const SourceOptions& options) {
  return {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, options.openTimeoutMs + kLaterMs,  //
          cv::CAP_PROP_READ_TIMEOUT_MSEC, options.readTimeoutMs + kLaterMs};
}

/// Converts pixels to 8-bit BGR: back-ends may give grey or an alpha channel. @returns false for any other format
bool toBgr(cv::Mat& pixels) {
  if (pixels.empty()) return false;
  if (pixels.type() == CV_8UC1) cv::cvtColor(pixels, pixels, cv::COLOR_GRAY2BGR);
  if (pixels.type() == CV_8UC4) cv::cvtColor(pixels, pixels, cv::COLOR_BGRA2BGR);
  return pixels.type() == CV_8UC3;
}

}  // namespace

std::string OpenCvReader::open() {
  std::string problem = openSource();
  if (!problem.empty()) return problem;
  const double fps = video_.get(cv::CAP_PROP_FPS);
  if (std::isfinite(fps) && fps > 0 && fps <= kMostFps) fps_ = fps;
  return {};
}

std::string OpenCvReader::openSource() {
  return options_.type == SourceOptions::Type::device ? openDevice() : openPipeline();
}

std::string OpenCvReader::openDevice() {
  if (std::string problem = findPathProblem(options_); !problem.empty()) return problem;
  if (!video_.open(options_.target, cv::CAP_V4L2)) return "the device is in use, or gives no pictures";
  // The format is set first: cameras offer their larger sizes and higher rates in this format only. A camera without it
  // keeps its own format.
  video_.set(cv::CAP_PROP_FOURCC, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'));
  if (options_.widthPx > 0) video_.set(cv::CAP_PROP_FRAME_WIDTH, options_.widthPx);
  if (options_.heightPx > 0) video_.set(cv::CAP_PROP_FRAME_HEIGHT, options_.heightPx);
  if (options_.fps > 0) video_.set(cv::CAP_PROP_FPS, options_.fps);
  return {};
}

std::string OpenCvReader::openPipeline() {
  // OpenCV takes time-outs here since 4.7 (https://github.com/opencv/opencv/pull/22919). In older versions they keep
  // the pipeline from opening.
  constexpr bool takesTimeouts = CV_VERSION_MAJOR > 4 || (CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR >= 7);
  const std::vector<int> parameters = takesTimeouts ? timeouts(options_) : std::vector<int>();
  if (video_.open(options_.target, cv::CAP_GSTREAMER, parameters)) return {};
  return "the pipeline could not be started: it is malformed, an element is missing, or it has no appsink";
}

Grab OpenCvReader::grab() {
  if (video_.grab()) {
    misses_ = 0;
    return Grab::picture;
  }
  return ++misses_ > kMaxMisses ? Grab::end : Grab::nothing;
}

bool OpenCvReader::retrieve(Frame& frame) {
  if (!video_.retrieve(frame.bgr) || !toBgr(frame.bgr)) return false;
  format_.widthPx = frame.bgr.cols;
  format_.heightPx = frame.bgr.rows;
  return true;
}

double OpenCvReader::timestampMs() const {
  const double timestampMs = video_.get(cv::CAP_PROP_POS_MSEC);
  return std::isfinite(timestampMs) && timestampMs > 0 ? timestampMs : 0;
}

std::string OpenCvReader::describeLoss() const {
  return options_.type == SourceOptions::Type::device
             ? "the device gives no more pictures: unplugged, or taken by another program"
             : "the pipeline ended or failed";
}

}  // namespace lintel
