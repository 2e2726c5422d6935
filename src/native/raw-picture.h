// A picture as its source gives it: not converted yet, read-only, and shared between threads.
#pragma once

#include <opencv2/core.hpp>

#include <cstddef>
#include <cstdint>

namespace lintel {

/// The brightness of a picture, read in place. It does not own the samples.
struct LumaView {
  const uchar* data = nullptr;
  int width = 0;
  int height = 0;
  /// Distance in bytes from one row to the next, and from one sample to the next.
  ptrdiff_t rowBytes = 0;
  int step = 1;
  /// Bytes of a sample, 1 or 2 (little-endian), and the number of low bits beyond 8.
  int sampleBytes = 1;
  int extraBits = 0;
  /// True where black is 0 and white is 255; otherwise they are 16 and 235.
  bool isFullRange = true;

  /// Returns one sample, 0..255, before the range is taken into account.
  int sample(int x, int y) const {
    const uchar* at = data + y * rowBytes + static_cast<ptrdiff_t>(x) * step;
    return sampleBytes == 1 ? *at : ((at[0] | at[1] << 8) >> extraBits) & 255;
  }
};

/// Views the green channel of 8-bit BGR pixels. Green is nearest to grey, and infrared pictures have the same value in
/// every channel.
inline LumaView viewGreen(const cv::Mat& bgr) {
  return {bgr.data + 1, bgr.cols, bgr.rows, static_cast<ptrdiff_t>(bgr.step[0]), 3, 1, 0, true};
}

/// Can be used from every thread.
class RawPicture {
 public:
  virtual ~RawPicture() = default;
  /// Returns the size of the converted picture.
  virtual cv::Size size() const = 0;
  /// Returns the brightness, perhaps turned against the converted picture.
  virtual LumaView luma() const = 0;
  /// Returns true where both pictures are identical, byte for byte.
  virtual bool isSame(const RawPicture& other) const = 0;
  /// Converts the picture into 8-bit BGR. @param bgr memory that is used again where it fits; @throws std::runtime_error
  virtual void convert(cv::Mat& bgr) const = 0;
};

}  // namespace lintel
