// A picture of a camera in its coded form, JPEG or PNG, which becomes a frame.
#include "camera-picture.h"

#include <cstring>
#include <stdexcept>

#include "camera-jpeg.h"
#include "plugin-devices.h"
#include "plugin.h"

namespace lintel {
namespace {

constexpr unsigned char kPngSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

unsigned readBigEndian(const unsigned char* bytes) {
  return static_cast<unsigned>(bytes[0]) << 24 | static_cast<unsigned>(bytes[1]) << 16 |
         static_cast<unsigned>(bytes[2]) << 8 | bytes[3];
}

std::string decodePng(const std::vector<unsigned char>& bytes, cv::Mat& bgr) {
  constexpr size_t kWidthAt = 16, kHeightAt = 20, kHeaderEnd = 33;
  if (bytes.size() < kHeaderEnd) return kDamagedPicture;
  const unsigned width = readBigEndian(bytes.data() + kWidthAt), height = readBigEndian(bytes.data() + kHeightAt);
  if (width > kMostCameraSidePx || height > kMostCameraSidePx ||
      static_cast<double>(width) * height > kMostCameraPixels) {
    return kTooManyPixels;
  }
  try {
    findIn<decltype(lintelDecodePng)>(kDevicesPlugin, "lintelDecodePng")(bytes, bgr);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return bgr.empty() ? kDamagedPicture : "";
}

}  // namespace

std::string describeUndecoded(const std::string& problem) {
  if (problem == kDamagedPicture) return "only damaged pictures came";
  return "only pictures that cannot be decoded came (" + problem + ")";
}

bool startsAsPng(const std::vector<unsigned char>& bytes) {
  return bytes.size() >= sizeof kPngSignature && std::memcmp(bytes.data(), kPngSignature, sizeof kPngSignature) == 0;
}

std::string decodeToFrame(const std::vector<unsigned char>& bytes, Frame& frame, StreamFormat& format,
                          const std::atomic<bool>& isStopped) {
  CameraPicture made;
  const bool isPng = startsAsPng(bytes);
  if (isPng) {
    made.problem = decodePng(bytes, frame.bgr);
    made.pixelFormat = "rgb24";
  } else {
    made = decodeCameraJpeg(bytes.data(), bytes.size(), frame.bgr, isStopped);
  }
  if (!made.problem.empty()) return made.problem;
  format.codec = isPng ? "png" : "mjpeg";
  format.pixelFormat = made.pixelFormat;
  format.widthPx = frame.bgr.cols;
  format.heightPx = frame.bgr.rows;
  /// By orientation from 1; 2, 4, 5 and 7 are mirrored as well.
  constexpr int kRotations[] = {0, 0, 180, 180, 90, 90, 270, 270};
  format.rotate = kRotations[made.orientation - 1];
  format.isMirrored =
      made.orientation == 2 || made.orientation == 4 || made.orientation == 5 || made.orientation == 7;
  return {};
}

}  // namespace lintel
