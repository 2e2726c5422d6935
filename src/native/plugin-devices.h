// build/lintel-devices.so: the reader of devices and pipelines, and PNGs, with OpenCV's videoio and imgcodecs.
#pragma once

#include <string>
#include <vector>

#include "reader.h"

extern "C" {

/// Makes the reader of a V4L2 device or a GStreamer pipeline; see makeReader. The caller owns it.
lintel::Reader* lintelMakeDeviceReader(const lintel::SourceOptions& options);
/// Decodes a PNG into 8-bit BGR. @param bgr is empty where the PNG is damaged
void lintelDecodePng(const std::vector<unsigned char>& bytes, cv::Mat& bgr);
/// Adds the names of the video back-ends that OpenCV was built with, such as V4L2.
void lintelListBackends(std::vector<std::string>& names);
}
