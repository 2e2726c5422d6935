// How a camera's picture is brought upright: turned, mirrored, and cut to the part that is looked at.
#pragma once

#include <opencv2/core.hpp>

#include <memory>

#include "frame.h"

namespace lintel {

/// In this order: rotated clockwise, mirrored, cut.
struct Upright {
  enum class Flip { none, horizontal, vertical };
  /// 0, 90, 180 or 270
  int rotate = 0;
  Flip flip = Flip::none;
  /// Of the picture that is turned and mirrored, in fractions of its sides.
  double x0 = 0, y0 = 0, x1 = 1, y1 = 1;

  bool changesNothing() const;
  /// Of the upright part, for a picture of this size.
  cv::Size sizeOf(cv::Size raw) const;
};

/// The upright part of a frame, with its number and time. A mere cut shares the pixels; otherwise they are written into a
/// frame of the pool.
std::shared_ptr<const Frame> upright(std::shared_ptr<const Frame> frame, const Upright& how, FramePool& pool);

}  // namespace lintel
