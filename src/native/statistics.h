// Measurements of whole pictures, from which faults of a camera are recognised.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "frame.h"

namespace lintel {

/// Statistics in grey levels, 0..255, of the picture reduced to about 320 pixels.
struct PictureStatistics {
  double mean = 0;
  double deviation = 0;
  /// Standard deviation of the Laplacian: the amount of fine detail.
  double sharpness = 0;
};

/// A picture reduced to about 320 pixels, in grey levels.
struct ReducedPicture {
  int width = 0;
  int height = 0;
  std::vector<uchar> grey;
};

ReducedPicture reducePicture(const LumaView& luma);

PictureStatistics measurePicture(const ReducedPicture& picture);

/// Returns true where two pictures show the same, apart from changes that a video encoder makes to a still picture: an
/// encoder refines the picture, and starts again from time to time.
bool isStillPicture(const ReducedPicture& one, const ReducedPicture& other);

/// Returns true where two pictures are identical, byte for byte. Those of a live sensor differ within the first few
/// bytes.
bool isSamePicture(const Frame& one, const Frame& other);

}  // namespace lintel
