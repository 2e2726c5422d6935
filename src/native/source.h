// Opens the sources of pictures: V4L2 devices, GStreamer pipelines, streams and files.
#pragma once

#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>

#include <string>

namespace lintel {

struct SourceOptions {
  enum class Type { device, gstreamer, url, file };
  Type type = Type::file;
  /// Path, pipeline or URL.
  std::string target;
  /// For a file: `loop` starts it again at its end; `realTime` plays it at its frame rate, otherwise as fast as the
  /// frames are taken.
  bool loop = false;
  bool realTime = true;
  /// Size and frame rate requested from a device; 0 keeps the device's own.
  int widthPx = 0;
  int heightPx = 0;
  double fps = 0;
  int openTimeoutMs = 0;
  int readTimeoutMs = 0;

  /// True where the reader waits until each frame was taken.
  bool lockstep() const { return type == Type::file && !realTime; }
  /// True where the reader waits until each frame is due.
  bool paced() const { return type == Type::file && realTime; }
};

/// Silences the libraries and selects RTSP over TCP, by environment variables. Variables that the operator has set
/// stay. Must be called once, before any source is opened.
void prepareBackends();

/// Opens a source; blocks until it is open. @returns an empty string, or why it did not open, without the target, which
/// may contain a password
std::string openSource(cv::VideoCapture& video, const SourceOptions& options);

/// Describes why a source that was open gives no more frames.
std::string describeLoss(SourceOptions::Type type);

/// Returns the frame rate that the source declares; 0 where it declares none.
double readFps(const cv::VideoCapture& video);

/// Returns the presentation time of the frame that was grabbed last, in milliseconds from any origin of the source; 0
/// where it has none.
double readTimestamp(const cv::VideoCapture& video);

/// Converts pixels to 8-bit BGR: back-ends may give grey or an alpha channel. @returns false for any other format
bool toBgr(cv::Mat& pixels);

}  // namespace lintel
