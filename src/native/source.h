// Where pictures come from: the options of a source, and checks of its path.
#pragma once

#include <string>

namespace lintel {

struct SourceOptions {
  enum class Type { device, gstreamer, url, snapshot, file };
  Type type = Type::file;
  /// Path, pipeline or URL.
  std::string target;
  /// Transport of RTSP; `any` begins with TCP.
  enum class Transport { tcp, udp, any };
  Transport transport = Transport::tcp;
  /// For a file: `loop` starts it again at its end; `realTime` plays it at its frame rate, otherwise as fast as the
  /// frames are taken.
  bool loop = false;
  bool realTime = true;
  /// For snapshots: interval between the beginnings of two requests.
  int everyMs = 0;
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

/// Describes why the path of a device or a file cannot be opened, more clearly than the libraries do. @returns an empty
/// string where it can be opened
std::string findPathProblem(const SourceOptions& options);

}  // namespace lintel
