// What a picture looks like as a whole, for the faults that can be told from it.
#pragma once

#include <opencv2/core.hpp>

namespace lintel {

/// In grey levels, of the picture reduced to about 320 pixels.
struct PictureStatistics {
  double mean = 0;
  double deviation = 0;
  /// Standard deviation of its Laplacian: how much fine detail there is.
  double sharpness = 0;
};

/// @param bgr 8 bit, three channels
PictureStatistics measurePicture(const cv::Mat& bgr);

/// Whether they are the very same, to the last byte. Pictures of a live sensor differ within the first few.
bool isSamePicture(const cv::Mat& one, const cv::Mat& other);

}  // namespace lintel
