// The functions letterbox, warp and warpToTensor for JavaScript.
#include "tensor-functions.h"

#include <opencv2/imgproc.hpp>

#include <cmath>
#include <string>

#include "arguments.h"
#include "image.h"
#include "instance.h"
#include "tensor.h"

// Each function reads the options first and takes the pixels last: a getter among the options could run code that
// transfers the memory of an array to another thread.

namespace lintel {
namespace {

/// Longest side of a tensor or output. A longer one is a mistake, and three planes of floats must stay addressable.
constexpr int kMaxOutputPx = 16'384;

Order orderOption(const Napi::Object& options) {
  const std::string order = stringOption(options, "order");
  if (order == "rgb") return Order::rgb;
  if (order == "bgr") return Order::bgr;
  throw Napi::TypeError::New(options.Env(), "order must be 'rgb' or 'bgr'");
}

TensorFormat formatOptions(const Napi::Object& options) {
  double mean[3];
  double std[3];
  TensorFormat format{};
  format.order = orderOption(options);
  numbersOption(options, "mean", mean, 3);
  numbersOption(options, "std", std, 3);
  for (int channel = 0; channel < 3; channel++) {
    format.factor[channel] = static_cast<float>(1 / std[channel]);
    format.bias[channel] = static_cast<float>((0 - mean[channel]) / std[channel]);
    if (!(std[channel] > 0) || !std::isfinite(format.factor[channel]) || !std::isfinite(format.bias[channel])) {
      throw Napi::RangeError::New(options.Env(), "std must be positive, and mean / std finite");
    }
  }
  return format;
}

Warp warpOptions(const Napi::Object& options) {
  Warp warp{};
  warp.widthPx = integerOption(options, "widthPx", 1, kMaxOutputPx);
  warp.heightPx = integerOption(options, "heightPx", 1, kMaxOutputPx);
  numbersOption(options, "matrix", warp.matrix, 6);
  const std::string border = stringOption(options, "border");
  if (border != "constant" && border != "reflect") {
    throw Napi::TypeError::New(options.Env(), "border must be 'constant' or 'reflect'");
  }
  warp.reflect = border == "reflect";
  if (!isUsable(warp)) {
    throw Napi::RangeError::New(options.Env(), "matrix must be invertible and stay near the picture");
  }
  return warp;
}

size_t outputElements(int widthPx, int heightPx) { return 3 * static_cast<size_t>(widthPx) * heightPx; }

}  // namespace

Napi::Value letterboxFunction(const Napi::CallbackInfo& info) {
  const Napi::Object options = objectArgument(info, 2, "options");
  const TensorFormat format = formatOptions(options);
  Letterbox box{};
  box.widthPx = integerOption(options, "widthPx", 1, kMaxOutputPx);
  box.heightPx = integerOption(options, "heightPx", 1, kMaxOutputPx);
  box.offsetX = integerOption(options, "offsetX", 0, kMaxOutputPx);
  box.offsetY = integerOption(options, "offsetY", 0, kMaxOutputPx);
  box.scale = numberOption(options, "scale");
  if (box.scale <= 0) throw Napi::RangeError::New(info.Env(), "scale must be greater than 0");

  Napi::Float32Array out = floatsArgument(info, 1, "out", outputElements(box.widthPx, box.heightPx));
  const Picture picture = Image::argument(info, 0).picture();
  // Doubles are compared, because a side times a huge scale overflows an int.
  const bool fits = box.offsetX + std::nearbyint(picture.pixels.cols * box.scale) <= box.widthPx &&
                    box.offsetY + std::nearbyint(picture.pixels.rows * box.scale) <= box.heightPx &&
                    box.offsetX < box.widthPx && box.offsetY < box.heightPx;
  if (!fits) throw Napi::RangeError::New(info.Env(), "the scaled image does not fit into the tensor");
  letterbox(picture, box, format, out.Data(), Instance::get(info.Env()).scratch);
  return info.Env().Undefined();
}

Napi::Value warpFunction(const Napi::CallbackInfo& info) {
  const Warp options = warpOptions(objectArgument(info, 2, "options"));
  Napi::Uint8Array out = bytesArgument(info, 1, "out", outputElements(options.widthPx, options.heightPx));
  const Picture picture = Image::argument(info, 0).picture();
  const cv::Mat warped = warp(picture, options);
  cv::Mat rgb(options.heightPx, options.widthPx, CV_8UC3, out.Data());
  if (picture.order == Order::rgb) {
    warped.copyTo(rgb);
  } else {
    cv::cvtColor(warped, rgb, cv::COLOR_BGR2RGB);
  }
  return info.Env().Undefined();
}

Napi::Value warpToTensorFunction(const Napi::CallbackInfo& info) {
  const Napi::Object options = objectArgument(info, 2, "options");
  const TensorFormat format = formatOptions(options);
  const Warp warpTo = warpOptions(options);
  Napi::Float32Array out = floatsArgument(info, 1, "out", outputElements(warpTo.widthPx, warpTo.heightPx));
  const Picture picture = Image::argument(info, 0).picture();
  toTensor({warp(picture, warpTo), picture.order}, format, out.Data());
  return info.Env().Undefined();
}

}  // namespace lintel
