// Turns pictures into tensors: scaling with padding, affine warps, bytes to planar floats. It uses OpenCV, and nothing
// of JavaScript.
#include "tensor.h"

#include <opencv2/core/hal/hal.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cmath>

namespace lintel {
namespace {

/// Destination of a picture in a planar tensor.
struct Planes {
  float* out;
  /// Distance in floats from one channel to the next, and from one row to the next.
  size_t plane;
  size_t row;
};

/// Writes a picture as floats. OpenCV's vector code first splits each row into its three channels, so that the compiler
/// can vectorise the rest: 0.13 ms for 640 x 480, against 0.35 ms for a plain loop over interleaved pixels (AMD EPYC,
/// SSE2 only, November 2026).
void writePlanes(const Picture& picture, const TensorFormat& format, const Planes& planes) {
  const cv::Mat& pixels = picture.pixels;
  const int width = pixels.cols;
  cv::AutoBuffer<uchar, 3 * 2048> channels(3 * static_cast<size_t>(width));
  uchar* split[3] = {channels.data(), channels.data() + width, channels.data() + 2 * static_cast<size_t>(width)};
  for (int y = 0; y < pixels.rows; y++) {
    cv::hal::split8u(pixels.ptr(y), split, width, 3);
    for (int channel = 0; channel < 3; channel++) {
      const uchar* __restrict from = split[picture.order == format.order ? channel : 2 - channel];
      float* __restrict to = planes.out + channel * planes.plane + y * planes.row;
      const float factor = format.factor[channel];
      const float bias = format.bias[channel];
      for (int x = 0; x < width; x++) to[x] = static_cast<float>(from[x]) * factor + bias;
    }
  }
}

/// Averages blocks of 2 x 2 pixels, `times` times in a row. OpenCV has vector code for this factor only: 2048 x 1536 to
/// 640 x 480 takes 1.4 ms, and 10.9 ms by INTER_AREA with the whole factor (AMD EPYC, November 2026). An odd last row
/// or column is left out.
cv::Mat halve(cv::Mat pixels, int times) {
  for (int i = 0; i < times; i++) {
    const cv::Size half(pixels.cols / 2, pixels.rows / 2);
    cv::Mat smaller;
    cv::resize(pixels(cv::Rect(0, 0, half.width * 2, half.height * 2)), smaller, half, 0, 0, cv::INTER_AREA);
    pixels = smaller;
  }
  return pixels;
}

/// Returns how often a picture is halved before the rest of the scaling, whose factor is then below 2: bilinear
/// sampling is good enough for that.
int halvings(double scale, cv::Size size) {
  int times = 0;
  while (scale <= 0.5 && size.width >= 2 && size.height >= 2) {
    scale *= 2;
    size = {size.width / 2, size.height / 2};
    times++;
  }
  return times;
}

/// Returns the pixels from `first` to `last` (fractional, inclusive) on an axis of `length` pixels; the range may be
/// empty.
cv::Range sampled(double first, double last, int length, bool reflect) {
  const int furthest = length - 1;
  if (reflect) {
    // A mirrored pixel lies as far inside the edge as its position lies outside. The range must also reach the edge
    // itself.
    const double low = first, high = last;
    if (low < 0) last = std::max(last, -low), first = 0;
    if (high > furthest) first = std::min(first, 2.0 * furthest - high), last = furthest;
  }
  const int begin = static_cast<int>(std::clamp(std::floor(first), 0.0, static_cast<double>(length)));
  const int end = static_cast<int>(std::clamp(std::ceil(last) + 1, 0.0, static_cast<double>(length)));
  return {begin, std::max(begin, end)};
}

/// Returns the transform from output to picture.
cv::Matx23d invert(const Warp& warp) {
  cv::Matx23d inverse;
  cv::invertAffineTransform(cv::Matx23d(warp.matrix), inverse);
  return inverse;
}

/// Bounds, in pixels of the picture, of the positions from which the output's pixels are read.
struct Bounds {
  double left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
};

Bounds findBounds(const Warp& warp) {
  const cv::Matx23d toPicture = invert(warp);
  Bounds bounds;
  for (const double x : {0.0, warp.widthPx - 1.0}) {
    for (const double y : {0.0, warp.heightPx - 1.0}) {
      const cv::Vec2d corner = toPicture * cv::Vec3d(x, y, 1);
      bounds.left = std::min(bounds.left, corner[0]), bounds.right = std::max(bounds.right, corner[0]);
      bounds.top = std::min(bounds.top, corner[1]), bounds.bottom = std::max(bounds.bottom, corner[1]);
    }
  }
  return bounds;
}

/// Returns the part of the picture that the output needs, with a margin for the interpolation.
cv::Rect neededRegion(const Warp& warp, int marginPx, cv::Size size) {
  const Bounds bounds = findBounds(warp);
  const cv::Range columns = sampled(bounds.left - marginPx, bounds.right + marginPx, size.width, warp.reflect);
  const cv::Range rows = sampled(bounds.top - marginPx, bounds.bottom + marginPx, size.height, warp.reflect);
  return {columns.start, rows.start, columns.size(), rows.size()};
}

/// Returns the scale from picture to output along the axis that shrinks least.
double findScale(const Warp& warp) {
  return std::max(std::hypot(warp.matrix[0], warp.matrix[3]), std::hypot(warp.matrix[1], warp.matrix[4]));
}

}  // namespace

int scaledSide(int sidePx, double scale) { return static_cast<int>(std::max(1.0, std::nearbyint(sidePx * scale))); }

void letterbox(const Picture& picture, const Letterbox& box, const TensorFormat& format, float* out, cv::Mat& scratch) {
  cv::Mat pixels = picture.pixels;
  const int times = halvings(box.scale, pixels.size());
  const double rest = std::ldexp(box.scale, times);
  pixels = halve(pixels, times);
  if (rest != 1) {
    // OpenCV gets the factor and not the size, so that dividing a box of the tensor by the scale is exact.
    const bool vanishes = std::min(pixels.cols, pixels.rows) * rest <= 0.5;
    const cv::Size size(scaledSide(pixels.cols, rest), scaledSide(pixels.rows, rest));
    cv::resize(pixels, scratch, vanishes ? size : cv::Size(), rest, rest, cv::INTER_LINEAR);
    pixels = scratch;
  }

  const size_t width = static_cast<size_t>(box.widthPx);
  const size_t plane = width * box.heightPx;
  const size_t right = static_cast<size_t>(box.offsetX) + pixels.cols;
  const int bottom = box.offsetY + pixels.rows;
  for (int channel = 0; channel < 3; channel++) {
    float* const begin = out + channel * plane;
    const float padding = format.bias[channel];
    std::fill(begin, begin + box.offsetY * width, padding);
    for (int y = box.offsetY; y < bottom; y++) {
      std::fill(begin + y * width, begin + y * width + box.offsetX, padding);
      std::fill(begin + y * width + right, begin + (y + 1) * width, padding);
    }
    std::fill(begin + bottom * width, begin + plane, padding);
  }
  writePlanes({pixels, picture.order}, format, {out + box.offsetY * width + box.offsetX, plane, width});
}

bool isUsable(const Warp& warp) {
  const double* m = warp.matrix;
  const double determinant = std::abs(m[0] * m[4] - m[1] * m[3]);
  // The determinant is compared with the lengths, so that a collapsed axis is an error and strong shrinking is not.
  if (!std::isnormal(determinant) || determinant <= 1e-6 * findScale(warp) * findScale(warp)) return false;
  // This is well inside the range of OpenCV's fixed-point coordinates.
  constexpr double kFurthestPx = 1e6;
  const Bounds bounds = findBounds(warp);
  return bounds.left >= -kFurthestPx && bounds.top >= -kFurthestPx && bounds.right <= kFurthestPx &&
         bounds.bottom <= kFurthestPx;
}

cv::Mat warp(const Picture& picture, const Warp& warp) {
  const cv::Size size(warp.widthPx, warp.heightPx);
  const int wanted = halvings(findScale(warp), picture.pixels.size());
  const cv::Rect region = neededRegion(warp, 2 << wanted, picture.pixels.size());
  if (region.empty()) return cv::Mat::zeros(size, CV_8UC3);

  const int times = std::min(wanted, halvings(0, region.size()));
  const cv::Mat pixels = halve(picture.pixels(region), times);
  // Pixel i of the halved region covers 2^times pixels of the picture; its centre is their middle.
  const double step = std::ldexp(1.0, times);
  const double* m = warp.matrix;
  const double x = region.x + (step - 1) / 2;
  const double y = region.y + (step - 1) / 2;
  const cv::Matx23d fromPixels(m[0] * step, m[1] * step, m[0] * x + m[1] * y + m[2],  //
                               m[3] * step, m[4] * step, m[3] * x + m[4] * y + m[5]);
  // After averaging, the mirror is at the edge of a pixel and no longer at its centre.
  const int mirror = times > 0 ? cv::BORDER_REFLECT : cv::BORDER_REFLECT_101;
  cv::Mat out;
  cv::warpAffine(pixels, out, fromPixels, size, cv::INTER_LINEAR, warp.reflect ? mirror : cv::BORDER_CONSTANT);
  return out;
}

void toTensor(const Picture& picture, const TensorFormat& format, float* out) {
  writePlanes(picture, format, {out, picture.pixels.total(), static_cast<size_t>(picture.pixels.cols)});
}

}  // namespace lintel
