// Opening the sources of pictures: V4L2 devices, GStreamer pipelines, streams and files.
#pragma once

#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>

#include <string>

namespace lintel {

struct SourceOptions {
  enum class Type { device, gstreamer, url, file };
  Type type = Type::file;
  /// The path, pipeline or URL.
  std::string target;
  /// Of a file: starts again at its end; at the speed of its frame rate, or as fast as the frames are taken.
  bool loop = false;
  bool realTime = true;
  /// Asked of a device; 0 leaves its own.
  int widthPx = 0;
  int heightPx = 0;
  double fps = 0;
  int openTimeoutMs = 0;
  int readTimeoutMs = 0;

  /// Waits for each frame to be taken.
  bool lockstep() const { return type == Type::file && !realTime; }
  bool paced() const { return type == Type::file && realTime; }
};

/// Quiet libraries and RTSP over TCP, by environment variables that are set only where the operator has not.
/// To be called once, before any source is opened.
void prepareBackends();

/// Blocks until open. @returns empty, or why it did not open: words without the target, which may hold a password
std::string openSource(cv::VideoCapture& video, const SourceOptions& options);

/// Why a source that was open gives no more frames.
std::string lossOf(SourceOptions::Type type);

/// The frame rate that the source declares; 0 where it does not.
double declaredFps(const cv::VideoCapture& video);

/// Of the frame that was grabbed last, in milliseconds from wherever the source counts; 0 where it has none.
double timestampOf(const cv::VideoCapture& video);

/// Brings what a back-end may give (grey, with alpha) to 8-bit BGR. False for anything else.
bool toBgr(cv::Mat& pixels);

}  // namespace lintel
