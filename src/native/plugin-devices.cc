// build/lintel-devices.so: the reader of devices and pipelines, and PNGs, with OpenCV's videoio and imgcodecs.
#include "plugin-devices.h"

#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio/registry.hpp>

#include "reader-opencv.h"

extern "C" {

__attribute__((visibility("default"))) lintel::Reader* lintelMakeDeviceReader(const lintel::SourceOptions& options) {
  return new lintel::OpenCvReader(options);
}

__attribute__((visibility("default"))) void lintelDecodePng(const std::vector<unsigned char>& bytes, cv::Mat& bgr) {
  cv::imdecode(bytes, cv::IMREAD_COLOR, &bgr);
}

__attribute__((visibility("default"))) void lintelListBackends(std::vector<std::string>& names) {
  for (const cv::VideoCaptureAPIs backend : cv::videoio_registry::getBackends()) {
    if (cv::videoio_registry::hasBackend(backend)) names.push_back(cv::videoio_registry::getBackendName(backend));
  }
}
}
