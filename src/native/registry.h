// The captures of the process. A handle is valid in every thread, whichever thread opened the capture.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "capture.h"

namespace lintel {

class Registry {
 public:
  /// Returns the registry of the process. It is never destroyed, because a reader that hangs in a library may outlive
  /// main().
  static Registry& instance();

  /// Count the environments that use the addon. When the last one leaves, all captures are closed and get a short time
  /// to end.
  void enter();
  void leave();

  /// @returns the handle, from 1
  int open(SourceOptions options, Upright how, std::function<void()> onChange);
  /// Returns null for a capture that was closed. @throws std::out_of_range for a number that was never a handle
  std::shared_ptr<Capture> find(int handle);
  /// Closes a capture. @param done called as Capture::close calls it
  void close(int handle, std::function<void()> done);

 private:
  Registry() = default;

  std::mutex mutex_;
  int environments_ = 0;
  int lastHandle_ = 0;
  std::map<int, std::shared_ptr<Capture>> captures_;
  /// Every capture that still has a thread, including closed ones whose reader hangs.
  std::vector<std::weak_ptr<Capture>> alive_;
};

}  // namespace lintel
