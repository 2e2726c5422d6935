// Brings a camera's picture upright: rotates and mirrors it, and cuts out the part that is analysed.
#pragma once

#include <opencv2/core.hpp>

#include <memory>

#include "frame.h"

namespace lintel {

/// The changes, in this order: clockwise rotation, mirroring, cropping.
struct Upright {
  enum class Flip { none, horizontal, vertical };
  /// 0, 90, 180 or 270
  int rotate = 0;
  Flip flip = Flip::none;
  /// Part that is kept, in fractions of the sides of the rotated and mirrored picture.
  double x0 = 0, y0 = 0, x1 = 1, y1 = 1;

  bool changesNothing() const;
  /// Returns the size of the upright part of a picture of this size.
  cv::Size findSize(cv::Size raw) const;
};

/// Rotates and mirrors; the region is not used. `how` must ask for at least one of both.
void turn(const cv::Mat& from, cv::Mat& to, const Upright& how);

/// Returns the upright part of a frame, converted to BGR, with the number and time of the frame. A part that is only cropped shares the
/// pixels of the frame; any other is written into a frame of the pool.
std::shared_ptr<const Frame> upright(std::shared_ptr<const Frame> frame, const Upright& how, FramePool& pool);

}  // namespace lintel
