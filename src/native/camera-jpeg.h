// Decodes the JPEGs of cameras, and refuses those that are damaged or cut short.
#pragma once

#include <opencv2/core.hpp>

#include <atomic>
#include <cstddef>
#include <string>

namespace lintel {

/// Longest side and most pixels of a camera's picture. 7680 x 4320 px (8K) are 33 million pixels.
constexpr unsigned kMostCameraSidePx = 16'384;
constexpr double kMostCameraPixels = 40e6;
/// What is wrong with most pictures that cannot be decoded.
constexpr char kDamagedPicture[] = "the picture is damaged or cut short";
constexpr char kTooManyPixels[] = "the picture has more than 40 million pixels, or a side above 16384 px";

/// A decoded picture of a camera.
struct CameraPicture {
  /// What is wrong with the picture, in words; empty where it was decoded.
  std::string problem;
  /// Name of the pixel format, as FFmpeg has it; empty where it is an unusual one.
  std::string pixelFormat;
  /// Orientation of the Exif data, 1 to 8, as which the picture was turned; 1 is upright.
  int orientation = 1;
};

/// Decodes any JPEG that a camera may send: sequential or progressive, without Huffman tables (Motion JPEG), with restart
/// markers, with bytes that do not belong to the picture, without the marker EOI. It is turned as its Exif orientation
/// says.
/// @param bgr receives the pixels, 8 bit; its memory is used again. It is undefined where decoding fails
/// @param isStopped ends the decoding when it becomes true
CameraPicture decodeCameraJpeg(const unsigned char* bytes, size_t length, cv::Mat& bgr,
                               const std::atomic<bool>& isStopped);

}  // namespace lintel
