// A captured frame, and a pool that uses the memory of released frames again.
#pragma once

#include <opencv2/core.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace lintel {

struct Frame {
  /// 8 bit, BGR interleaved.
  cv::Mat bgr;
  int64_t number = 0;
  /// Wall clock, milliseconds since the epoch.
  int64_t capturedAtMs = 0;
  /// Owner of the pixels, where this frame shares those of another one.
  std::shared_ptr<const Frame> origin;
};

/// Provides frames. A frame returns to the pool with its memory when its last holder drops it, in any thread.
class FramePool : public std::enable_shared_from_this<FramePool> {
 public:
  std::shared_ptr<Frame> take() {
    Frame* frame = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (!spare_.empty()) {
        frame = spare_.back().release();
        spare_.pop_back();
      }
    }
    if (frame == nullptr) frame = new Frame();
    return std::shared_ptr<Frame>(frame, [pool = weak_from_this()](Frame* done) {
      std::unique_ptr<Frame> owned(done);
      if (const auto alive = pool.lock()) alive->giveBack(std::move(owned));
    });
  }

 private:
  /// Most spare frames that are kept: one frame is being decoded, one is the newest, and a slow reader holds another.
  static constexpr size_t kMaxSpare = 3;

  void giveBack(std::unique_ptr<Frame> frame) {
    std::lock_guard lock(mutex_);
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(frame));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Frame>> spare_;
};

}  // namespace lintel
