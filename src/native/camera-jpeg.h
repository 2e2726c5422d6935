// Decodes the JPEGs of cameras, and refuses those that are damaged or cut short.
#pragma once

#include <opencv2/core.hpp>

#include <cstddef>
#include <functional>
#include <string>

namespace lintel {

/// Longest side and most pixels of a camera's picture. 7680 x 4320 px (8K) are 33 million pixels.
constexpr unsigned kMostCameraSidePx = 16'384;
constexpr double kMostCameraPixels = 40e6;

/// Decodes any JPEG that a camera may send: sequential or progressive, without Huffman tables (Motion JPEG), with restart
/// markers, with bytes that do not belong to the picture, without the marker EOI. It is turned as its Exif orientation
/// says.
/// @param bgr receives the pixels, 8 bit; its memory is used again. It is undefined where decoding fails
/// @param isCancelled asked again and again; true ends the decoding
/// @returns an empty string, or what is wrong with the picture, in words
std::string decodeCameraJpeg(const unsigned char* bytes, size_t length, cv::Mat& bgr,
                             const std::function<bool()>& isCancelled);

}  // namespace lintel
