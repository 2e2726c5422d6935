// Measurements of whole pictures, from which faults of a camera are recognised.
#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace lintel {
namespace {

constexpr int kReducedSidePx = 320;
/// Brightness of black and of white where the range is limited.
constexpr int kLimitedBlack = 16;
constexpr int kLimitedWhite = 235;
/// Greatest mean difference, in grey levels, of two still pictures a second apart. A still picture that x264 encodes at
/// 600 and 1,500 kbit/s, or MPEG-4 at 600 kbit/s, changes by 0.13 in the mean and by at most 2 once the rate has
/// settled. With a sensor's noise of standard deviation 1 and 0.5 the mean is 0.44 and 0.25. At 150 kbit/s the encoder
/// changes a still picture by 0.68, which passes for a live one. Measured with 640 x 480 in November 2026; not measured
/// on cameras.
constexpr double kMeanStillDifference = 0.15;
/// Usual and greatest difference of one pixel. An encoder of one thread changes no pixel of a still picture by more
/// than 3; MPEG-4 in slices changes 1 in 12,800 by 4 or 5 where it starts again.
constexpr int kUsualStillDifference = 3;
constexpr int kMostStillDifference = 8;
constexpr int kPixelsPerRare = 5000;

double computeDeviation(double sum, double squares, double count) {
  const double mean = sum / count;
  return std::sqrt(std::max(0.0, squares / count - mean * mean));
}

/// Averages four pixels of each block: with a single one, the sensor's noise would pass for detail.
void reduceRow(const LumaView& luma, int y, int block, uchar* out, int width) {
  const int half = block / 2;
  const int upper = y * block;
  const int lower = upper + half;
  for (int x = 0; x < width; x++) {
    const int left = x * block;
    const int right = left + half;
    const int sum =
        luma.sample(left, upper) + luma.sample(right, upper) + luma.sample(left, lower) + luma.sample(right, lower);
    out[x] = static_cast<uchar>((sum + 2) >> 2);
  }
}

/// Stretches a limited range, so that the same picture has the same grey levels in both ranges.
void stretch(std::vector<uchar>& grey) {
  constexpr int range = kLimitedWhite - kLimitedBlack;
  for (uchar& level : grey) {
    level = static_cast<uchar>(std::clamp(((level - kLimitedBlack) * 255 + range / 2) / range, 0, 255));
  }
}

}  // namespace

ReducedPicture reducePicture(const LumaView& luma) {
  const int block = std::max(1, (std::max(luma.width, luma.height) + kReducedSidePx / 2) / kReducedSidePx);
  ReducedPicture reduced{luma.width / block, luma.height / block, {}};
  reduced.grey.resize(static_cast<size_t>(reduced.width) * reduced.height);
  for (int y = 0; y < reduced.height; y++) {
    reduceRow(luma, y, block, reduced.grey.data() + static_cast<size_t>(y) * reduced.width, reduced.width);
  }
  if (!luma.isFullRange) stretch(reduced.grey);
  return reduced;
}

bool isStillPicture(const ReducedPicture& one, const ReducedPicture& other) {
  if (one.width != other.width || one.height != other.height || one.grey.empty()) return false;
  int64_t sum = 0;
  int most = 0;
  size_t rare = 0;
  for (size_t i = 0; i < one.grey.size(); i++) {
    const int difference = std::abs(one.grey[i] - other.grey[i]);
    sum += difference;
    most = std::max(most, difference);
    rare += difference > kUsualStillDifference ? 1 : 0;
  }
  return most <= kMostStillDifference && rare <= one.grey.size() / kPixelsPerRare &&
         static_cast<double>(sum) < kMeanStillDifference * static_cast<double>(one.grey.size());
}

PictureStatistics measurePicture(const ReducedPicture& picture) {
  const int width = picture.width;
  const int height = picture.height;
  const std::vector<uchar>& grey = picture.grey;
  PictureStatistics found;
  if (width < 1 || height < 1) return found;
  // Whole numbers are exact here: a picture has at most 2^17 blocks, and the square of a Laplacian is at most 2^20.
  int64_t sum = 0, squares = 0;
  for (int y = 0; y < height; y++) {
    const uchar* row = grey.data() + static_cast<size_t>(y) * width;
    uint32_t rowSum = 0, rowSquares = 0;
    for (int x = 0; x < width; x++) {
      rowSum += row[x];
      rowSquares += static_cast<uint32_t>(row[x]) * row[x];
    }
    sum += rowSum;
    squares += rowSquares;
  }
  const double count = static_cast<double>(width) * height;
  found.mean = static_cast<double>(sum) / count;
  found.deviation = computeDeviation(static_cast<double>(sum), static_cast<double>(squares), count);
  if (width < 3 || height < 3) return found;

  int64_t laplacianSum = 0, laplacianSquares = 0;
  for (int y = 1; y < height - 1; y++) {
    const uchar* row = grey.data() + static_cast<size_t>(y) * width;
    const uchar* above = row - width;
    const uchar* below = row + width;
    int32_t rowSum = 0;
    int32_t rowSquares = 0;
    for (int x = 1; x < width - 1; x++) {
      const int laplacian = 4 * row[x] - row[x - 1] - row[x + 1] - above[x] - below[x];
      rowSum += laplacian;
      rowSquares += laplacian * laplacian;
    }
    laplacianSum += rowSum;
    laplacianSquares += rowSquares;
  }
  found.sharpness = computeDeviation(static_cast<double>(laplacianSum), static_cast<double>(laplacianSquares),
                                static_cast<double>(width - 2) * (height - 2));
  return found;
}

bool isSamePicture(const Frame& one, const Frame& other) {
  if (one.raw || other.raw) return one.raw && other.raw && one.raw->isSame(*other.raw);
  if (one.bgr.size() != other.bgr.size() || one.bgr.type() != other.bgr.type()) return false;
  const size_t bytes = static_cast<size_t>(one.bgr.cols) * one.bgr.elemSize();
  for (int y = 0; y < one.bgr.rows; y++) {
    if (std::memcmp(one.bgr.ptr(y), other.bgr.ptr(y), bytes) != 0) return false;
  }
  return true;
}

}  // namespace lintel
