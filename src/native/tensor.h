// Turns pictures into tensors: scaling with padding, affine warps, bytes to planar floats. It uses OpenCV, and nothing
// of JavaScript.
#pragma once

#include <opencv2/core.hpp>

namespace lintel {

/// Order of three channels, interleaved or planar.
enum class Order { rgb, bgr };

/// Interleaved 8-bit pixels, which it does not own.
struct Picture {
  cv::Mat pixels;
  Order order;
};

/// Conversion of bytes to floats: (v - mean[c]) / std[c], written as v * factor[c] + bias[c], with c in the order of
/// the tensor's channels.
struct TensorFormat {
  Order order;
  float factor[3];
  float bias[3];
};

struct Letterbox {
  int widthPx;
  int heightPx;
  /// Tensor pixels per picture pixel.
  double scale;
  int offsetX;
  int offsetY;
};

/// Returns the side of a picture after scaling, at least 1.
int scaledSide(int sidePx, double scale);

/// Writes the scaled picture and its padding into the planar tensor `out`. The scaled picture must fit. Shrinking by 2
/// or more averages areas.
/// @param scratch memory that later calls use again
void letterbox(const Picture& picture, const Letterbox& box, const TensorFormat& format, float* out, cv::Mat& scratch);

/// An affine transform from picture to output, in pixels: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5].
/// Whole numbers are pixel centres.
struct Warp {
  int widthPx;
  int heightPx;
  double matrix[6];
  /// Pixels outside the picture: its mirror image where true, else black.
  bool reflect;
};

/// Returns false when the matrix collapses the picture, or reads pixels that are more than a million pixels away.
bool isUsable(const Warp& warp);

/// Warps a picture. Shrinking by 2 or more averages areas first. @returns the output in the channel order of the
/// picture
cv::Mat warp(const Picture& picture, const Warp& warp);

/// Writes a picture into a planar tensor of the same size.
void toTensor(const Picture& picture, const TensorFormat& format, float* out);

}  // namespace lintel
