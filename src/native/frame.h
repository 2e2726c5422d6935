// A captured frame, and a pool that uses the memory of released frames again.
#pragma once

#include <opencv2/core.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "raw-picture.h"

namespace lintel {

struct Frame {
  /// The picture as its source gave it; null where `bgr` has held the pixels from the beginning.
  std::shared_ptr<const RawPicture> raw;
  /// 8 bit, BGR interleaved. Where there is a raw picture, read it through pixels() alone.
  mutable cv::Mat bgr;
  int64_t number = 0;
  /// Wall clock, milliseconds since the epoch.
  int64_t capturedAtMs = 0;
  /// Number of times that the stream had changed before this frame: its size, format, rotation or colour range.
  int64_t streamChanges = 0;
  /// Owner of the pixels, where this frame shares those of another one.
  std::shared_ptr<const Frame> origin;

  cv::Size size() const { return raw ? raw->size() : bgr.size(); }
  LumaView luma() const { return raw ? raw->luma() : viewGreen(bgr); }

  /// Returns the pixels. The first call converts the raw picture on its thread; other threads wait for it.
  /// @throws std::runtime_error
  const cv::Mat& pixels() const {
    if (!raw) return bgr;
    std::lock_guard lock(mutex_);
    if (!isConverted_) raw->convert(bgr);
    isConverted_ = true;
    return bgr;
  }

  /// Forgets the picture and keeps the memory of `bgr`.
  void reset() {
    raw.reset();
    isConverted_ = false;
    number = 0;
    capturedAtMs = 0;
    streamChanges = 0;
    origin.reset();
  }

 private:
  mutable std::mutex mutex_;
  mutable bool isConverted_ = false;
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
    frame->reset();
    std::lock_guard lock(mutex_);
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(frame));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Frame>> spare_;
};

}  // namespace lintel
