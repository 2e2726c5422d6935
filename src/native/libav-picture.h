// A decoded picture of FFmpeg: its brightness in place, and its conversion to BGR.
#pragma once

#include <memory>
#include <mutex>

#include "libav.h"
#include "raw-picture.h"
#include "reader.h"

struct SwsContext;

namespace lintel {

/// Converts pictures to BGR. It is set up anew whenever the size, the pixel format, the range or the matrix changes. Can
/// be used from every thread, by one at a time.
class LibavConverter {
 public:
  LibavConverter() = default;
  ~LibavConverter();
  LibavConverter(const LibavConverter&) = delete;
  LibavConverter& operator=(const LibavConverter&) = delete;

  /// @throws std::runtime_error
  void convert(const AVFrame& frame, bool isFullRange, cv::Mat& bgr);

 private:
  struct Settings {
    int width = 0;
    int height = 0;
    int format = -1;
    const int* matrix = nullptr;
    bool isFullRange = false;
    bool operator!=(const Settings& other) const {
      return width != other.width || height != other.height || format != other.format || matrix != other.matrix ||
             isFullRange != other.isFullRange;
    }
  };

  std::mutex mutex_;
  SwsContext* context_ = nullptr;
  Settings settings_;
};

class LibavPicture : public RawPicture {
 public:
  /// Takes the content of a frame. @param format format of the frame, by readFormat
  LibavPicture(AVFrame& frame, const StreamFormat& format, std::shared_ptr<LibavConverter> converter);

  /// Reads the format of a frame. @param isIntraOnly true where the codec knows key pictures only; @param matrix the
  /// display matrix that holds for the frame, or null
  static StreamFormat readFormat(const AVFrame& frame, const char* codec, bool isIntraOnly, const uint8_t* matrix);
  /// Returns true where the brightness of such pictures can be read in place, and they can be converted.
  static bool canView(const AVFrame& frame);
  /// Returns true where such pictures can be converted.
  static bool canConvert(const AVFrame& frame);

  cv::Size size() const override { return {format_.widthPx, format_.heightPx}; }
  LumaView luma() const override;
  bool isSame(const RawPicture& other) const override;
  void convert(cv::Mat& bgr) const override;

 private:
  const FramePtr frame_;
  const StreamFormat format_;
  const std::shared_ptr<LibavConverter> converter_;
};

}  // namespace lintel
