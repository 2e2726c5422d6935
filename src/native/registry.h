// The captures of the process: whichever thread opened one, its handle is good in all.
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
  /// The process's one. It is never destroyed: a reader that is stuck in a library may outlive main().
  static Registry& instance();

  /// One environment more, or less. With the last one all captures are closed, and given a moment to end.
  void enter();
  void leave();

  /// @returns the handle, from 1
  int open(SourceOptions options, Upright how, std::function<void()> onChange);
  /// Null where it was closed. @throws std::out_of_range for a number that was never a handle
  std::shared_ptr<Capture> find(int handle);
  /// `done` is called as by Capture::close.
  void close(int handle, std::function<void()> done);

 private:
  Registry() = default;

  std::mutex mutex_;
  int environments_ = 0;
  int lastHandle_ = 0;
  std::map<int, std::shared_ptr<Capture>> captures_;
  /// Every capture that still has a thread, the abandoned ones included.
  std::vector<std::weak_ptr<Capture>> alive_;
};

}  // namespace lintel
