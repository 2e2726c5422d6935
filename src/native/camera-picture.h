// A picture of a camera in its coded form, JPEG or PNG, which becomes a frame.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "frame.h"
#include "reader.h"

namespace lintel {

/// Decodes a JPEG, or a PNG where the bytes begin as one. @param format receives the format of the picture
/// @returns an empty string, or what is wrong with the picture, in words
std::string decodeToFrame(const std::vector<unsigned char>& bytes, Frame& frame, StreamFormat& format,
                          const std::atomic<bool>& isStopped);

/// Makes the words of a time-out out of what is wrong with the pictures.
std::string describeUndecoded(const std::string& problem);

/// Returns true where the bytes begin as a PNG does.
bool startsAsPng(const std::vector<unsigned char>& bytes);

}  // namespace lintel
