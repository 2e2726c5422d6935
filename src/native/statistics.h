// What a picture looks like as a whole, for the faults that can be told from it.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

namespace lintel {

/// In grey levels, of the picture reduced to about 320 pixels.
struct PictureStatistics {
  double mean = 0;
  double deviation = 0;
  /// Standard deviation of its Laplacian: how much fine detail there is.
  double sharpness = 0;
};

/// A picture reduced to about 320 pixels, in grey levels.
struct ReducedPicture {
  int width = 0;
  int height = 0;
  std::vector<uchar> grey;
};

/// @param bgr 8 bit, three channels
ReducedPicture reducePicture(const cv::Mat& bgr);

PictureStatistics measurePicture(const ReducedPicture& picture);

/// Whether they show the same but for what a video encoder does to a picture that stands still: refining it, and beginning anew.
bool isStillPicture(const ReducedPicture& one, const ReducedPicture& other);

/// Whether they are the very same, to the last byte. Pictures of a live sensor differ within the first few.
bool isSamePicture(const cv::Mat& one, const cv::Mat& other);

}  // namespace lintel
