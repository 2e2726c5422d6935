// The captures of the process. A handle is valid in every thread, whichever thread opened the capture.
#include "registry.h"

#include <stdexcept>
#include <utility>

namespace lintel {
namespace {

/// Longest time that the end of the process waits for its captures.
constexpr std::chrono::milliseconds kFarewell(500);

}  // namespace

Registry& Registry::instance() {
  static Registry* const registry = new Registry();
  return *registry;
}

void Registry::enter() {
  std::lock_guard lock(mutex_);
  environments_++;
}

void Registry::leave() {
  std::map<int, std::shared_ptr<Capture>> orphans;
  {
    std::lock_guard lock(mutex_);
    if (--environments_ > 0) return;
    orphans.swap(captures_);
  }
  for (const auto& [handle, capture] : orphans) capture->close([] {});
  const auto latest = Capture::Clock::now() + kFarewell;
  for (const auto& [handle, capture] : orphans) capture->waitForEnd(latest);
}

int Registry::open(SourceOptions options, Upright how, std::function<void()> onChange) {
  std::lock_guard lock(mutex_);
  bool blocked = false;
  std::vector<std::weak_ptr<Capture>> alive;
  for (const auto& weak : alive_) {
    const auto other = weak.lock();
    if (!other) continue;
    blocked = blocked || other->blocks(options);
    alive.push_back(weak);
  }
  auto capture = std::make_shared<Capture>(std::move(options), how, std::move(onChange));
  // This limits the threads that hang to one for each source, however often it is opened again.
  if (blocked) {
    capture->refuse("an earlier attempt to read this source is still stuck");
  } else {
    capture->start();
  }
  alive.push_back(capture);
  alive_ = std::move(alive);
  captures_.emplace(++lastHandle_, std::move(capture));
  return lastHandle_;
}

std::shared_ptr<Capture> Registry::find(int handle) {
  std::lock_guard lock(mutex_);
  if (handle < 1 || handle > lastHandle_) throw std::out_of_range("handle is not one that openCapture gave");
  const auto found = captures_.find(handle);
  return found == captures_.end() ? nullptr : found->second;
}

void Registry::close(int handle, std::function<void()> done) {
  const std::shared_ptr<Capture> capture = find(handle);
  if (!capture) return done();
  capture->close([this, handle, done = std::move(done)] {
    {
      std::lock_guard lock(mutex_);
      captures_.erase(handle);
    }
    done();
  });
}

}  // namespace lintel
