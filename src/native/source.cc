// Opens the sources of pictures: V4L2 devices, GStreamer pipelines, streams and files.
#include "source.h"

#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <system_error>
#include <vector>

namespace lintel {
namespace {

/// Time by which the library's own time-out is later than the capture's, whose error is clearer.
constexpr int kLaterMs = 200;
/// Highest credible frame rate. A file without one, such as joined JPEGs, declares the ticks of its time base:
/// 1,200,000 per second.
constexpr double kMostFps = 1'000;

/// Describes why a path cannot be opened, more clearly than the libraries do. @returns an empty string where it can be
/// opened
std::string pathProblem(const std::string& path, bool device) {
  const std::string name = device ? "the device" : "the file";
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return name + " does not exist";
    return name + " cannot be reached: " + std::generic_category().message(errno);
  }
  if (device && !S_ISCHR(status.st_mode)) return "the path is not a device";
  if (!device && S_ISDIR(status.st_mode)) return "the path is a folder, not a file";
  if (access(path.c_str(), device ? R_OK | W_OK : R_OK) != 0) return name + " may not be opened: permission denied";
  if (!device && S_ISREG(status.st_mode) && status.st_size == 0) return "the file is empty";
  return {};
}

std::vector<int> timeouts(const SourceOptions& options) {
  return {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, options.openTimeoutMs + kLaterMs,  //
          cv::CAP_PROP_READ_TIMEOUT_MSEC, options.readTimeoutMs + kLaterMs};
}

std::string openDevice(cv::VideoCapture& video, const SourceOptions& options) {
  if (std::string problem = pathProblem(options.target, true); !problem.empty()) return problem;
  if (!video.open(options.target, cv::CAP_V4L2)) return "the device is in use, or gives no pictures";
  // The format is set first: cameras offer their larger sizes and higher rates in this format only. A camera without it
  // keeps its own format.
  video.set(cv::CAP_PROP_FOURCC, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'));
  if (options.widthPx > 0) video.set(cv::CAP_PROP_FRAME_WIDTH, options.widthPx);
  if (options.heightPx > 0) video.set(cv::CAP_PROP_FRAME_HEIGHT, options.heightPx);
  if (options.fps > 0) video.set(cv::CAP_PROP_FPS, options.fps);
  return {};
}

std::string openPipeline(cv::VideoCapture& video, const SourceOptions& options) {
  // OpenCV takes time-outs here since 4.7 (https://github.com/opencv/opencv/pull/22919). In older versions they keep
  // the pipeline from opening.
  constexpr bool takesTimeouts = CV_VERSION_MAJOR > 4 || (CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR >= 7);
  const std::vector<int> parameters = takesTimeouts ? timeouts(options) : std::vector<int>();
  if (video.open(options.target, cv::CAP_GSTREAMER, parameters)) return {};
  return "the pipeline could not be started: it is malformed, an element is missing, or it has no appsink";
}

std::string openUrl(cv::VideoCapture& video, const SourceOptions& options) {
  if (video.open(options.target, cv::CAP_FFMPEG, timeouts(options))) return {};
  return "the stream could not be opened: unreachable, refused, or without video";
}

std::string openFile(cv::VideoCapture& video, const SourceOptions& options) {
  if (std::string problem = pathProblem(options.target, false); !problem.empty()) return problem;
  // The scheme keeps a path with a colon from being taken for another protocol.
  if (video.open("file:" + options.target, cv::CAP_FFMPEG, timeouts(options))) return {};
  return "the file is no video that can be decoded";
}

}  // namespace

void prepareBackends() {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
  setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp", 0);
}

std::string openSource(cv::VideoCapture& video, const SourceOptions& options) {
  switch (options.type) {
    case SourceOptions::Type::device:
      return openDevice(video, options);
    case SourceOptions::Type::gstreamer:
      return openPipeline(video, options);
    case SourceOptions::Type::url:
      return openUrl(video, options);
    case SourceOptions::Type::file:
      return openFile(video, options);
  }
  return "an unknown kind of source";
}

std::string describeLoss(SourceOptions::Type type) {
  switch (type) {
    case SourceOptions::Type::device:
      return "the device gives no more pictures: unplugged, or taken by another program";
    case SourceOptions::Type::gstreamer:
      return "the pipeline ended or failed";
    case SourceOptions::Type::url:
      return "the stream ended or was lost";
    case SourceOptions::Type::file:
      return "the file holds no picture that can be decoded";
  }
  return {};
}

double readFps(const cv::VideoCapture& video) {
  const double fps = video.get(cv::CAP_PROP_FPS);
  return std::isfinite(fps) && fps > 0 && fps <= kMostFps ? fps : 0;
}

double readTimestamp(const cv::VideoCapture& video) {
  const double timestampMs = video.get(cv::CAP_PROP_POS_MSEC);
  return std::isfinite(timestampMs) && timestampMs > 0 ? timestampMs : 0;
}

bool toBgr(cv::Mat& pixels) {
  if (pixels.empty()) return false;
  if (pixels.type() == CV_8UC1) cv::cvtColor(pixels, pixels, cv::COLOR_GRAY2BGR);
  if (pixels.type() == CV_8UC4) cv::cvtColor(pixels, pixels, cv::COLOR_BGRA2BGR);
  return pixels.type() == CV_8UC3;
}

}  // namespace lintel
