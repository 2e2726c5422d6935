// Encodes pixels as JPEG, with libjpeg.
#pragma once

#include <opencv2/core.hpp>

#include <string>
#include <vector>

namespace lintel {

/// Encodes a picture as a baseline JPEG with 4:2:0 chroma, as OpenCV's imencode does: the bytes are the same.
/// @param pixels 8-bit BGR, or RGB where `isRgb`; @param quality 1..100; @param bytes receives the JPEG
/// @returns an empty string, or why it failed
std::string encodeAsJpeg(const cv::Mat& pixels, bool isRgb, int quality, std::vector<unsigned char>& bytes);

}  // namespace lintel
