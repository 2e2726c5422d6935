// Pictures into tensors: scaling with padding, affine warps, bytes to planar floats. Knows OpenCV, not JavaScript.
#pragma once

#include <opencv2/core.hpp>

namespace lintel {

/// Of three interleaved or planar channels.
enum class Order { rgb, bgr };

/// Interleaved 8-bit pixels; does not own them.
struct Picture {
  cv::Mat pixels;
  Order order;
};

/// (v - mean[c]) / std[c] as v * factor[c] + bias[c], c in the order of the tensor's channels.
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

/// The side of a picture after scaling, at least 1.
int scaledSide(int sidePx, double scale);

/// Fills the planar tensor `out`; the scaled picture must fit. Shrinking by 2 or more averages areas.
/// @param scratch memory that the next call may use again
void letterbox(const Picture& picture, const Letterbox& box, const TensorFormat& format, float* out, cv::Mat& scratch);

/// Picture to output: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5], whole numbers being pixel centres.
struct Warp {
  int widthPx;
  int heightPx;
  double matrix[6];
  /// Outside the picture: its mirror image, else black.
  bool reflect;
};

/// False when the matrix collapses the picture, or takes the output from more than a million pixels away.
bool isUsable(const Warp& warp);

/// The output in the picture's own channel order. Where it shrinks by more than 2 the picture is area-averaged first.
cv::Mat warp(const Picture& picture, const Warp& warp);

/// Writes interleaved 8-bit pixels as a planar tensor of the same size.
void toTensor(const Picture& picture, const TensorFormat& format, float* out);

}  // namespace lintel
