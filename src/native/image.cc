// A picture as JavaScript holds it: a wrapped RGB buffer or a captured frame, never copied.
#include "image.h"

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "encode-jpeg.h"
#include "instance.h"

namespace lintel {
namespace {

/// Marks the images of this addon: instanceof accepts a borrowed prototype, and unwrapping a foreign object crashes the
/// process.
constexpr napi_type_tag kImageTag = {0x6c696e74656c2e69, 0x9a1f4be2703c58d4};

/// Number of images, in all threads, that hold pixels.
std::atomic<int> liveImages{0};

/// Options of a JPEG apart from its quality; each may be left out.
struct Drawing {
  cv::Size size;
  std::vector<std::pair<cv::Rect2d, cv::Scalar>> boxes;
};

Drawing drawingOptions(const Napi::CallbackInfo& info, size_t index, cv::Size whole) {
  Drawing drawing{whole, {}};
  if (info[index].IsUndefined()) return drawing;
  const Napi::Object options = objectArgument(info, index, "options");
  if (!options.Get("widthPx").IsUndefined()) drawing.size.width = integerOption(options, "widthPx", 1, kMaxSidePx);
  if (!options.Get("heightPx").IsUndefined()) drawing.size.height = integerOption(options, "heightPx", 1, kMaxSidePx);
  const Napi::Value boxes = options.Get("boxes");
  if (boxes.IsUndefined()) return drawing;
  if (!boxes.IsArray()) throw Napi::TypeError::New(info.Env(), "boxes must be an array");
  const Napi::Array array = boxes.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value value = array.Get(i);
    if (!value.IsObject()) throw Napi::TypeError::New(info.Env(), "each of boxes must be an object");
    const Napi::Object box = value.As<Napi::Object>();
    const double x0 = numberOption(box, "x0"), y0 = numberOption(box, "y0");
    const cv::Rect2d rectangle(x0, y0, numberOption(box, "x1") - x0, numberOption(box, "y1") - y0);
    const std::string colour = stringOption(box, "colour");
    if (colour != "green" && colour != "red") {
      throw Napi::TypeError::New(info.Env(), "the colour of a box must be 'green' or 'red'");
    }
    drawing.boxes.emplace_back(rectangle, colour == "green" ? cv::Scalar(64, 200, 32) : cv::Scalar(32, 32, 230));
  }
  return drawing;
}

/// Rounds a coordinate to a pixel. One far outside the picture is clamped, so that it stays in the range of int.
int pixelAt(double value, int length) { return static_cast<int>(std::lround(std::clamp(value, -1.0, length + 1.0))); }

void drawBoxes(cv::Mat& bgr, const Drawing& drawing, cv::Size whole) {
  const double scaleX = static_cast<double>(bgr.cols) / whole.width;
  const double scaleY = static_cast<double>(bgr.rows) / whole.height;
  const int thickness = std::max(2, bgr.cols / 320);
  for (const auto& [box, colour] : drawing.boxes) {
    const cv::Point from(pixelAt(box.x * scaleX, bgr.cols), pixelAt(box.y * scaleY, bgr.rows));
    const cv::Point to(pixelAt((box.x + box.width) * scaleX, bgr.cols), pixelAt((box.y + box.height) * scaleY, bgr.rows));
    cv::rectangle(bgr, from, to, colour, thickness);
  }
}

}  // namespace

Napi::Function Image::define(Napi::Env env) {
  return DefineClass(env, "NativeImage",
                     {InstanceAccessor<&Image::widthPx>("widthPx"), InstanceAccessor<&Image::heightPx>("heightPx"),
                      InstanceMethod<&Image::release>("release")});
}

Napi::Object Image::make(Napi::Env env, Contents contents) {
  return Instance::get(env).imageClass.New({Napi::External<Contents>::New(env, &contents)});
}

Napi::Object Image::wrapRgb(Napi::Env env, const Napi::Uint8Array& data, int widthPx, int heightPx) {
  Contents contents;
  contents.widthPx = widthPx;
  contents.heightPx = heightPx;
  contents.data = Napi::Persistent(data);
  return make(env, std::move(contents));
}

Napi::Object Image::fromPicture(Napi::Env env, std::shared_ptr<const Frame> frame) {
  Contents contents;
  contents.widthPx = frame->pixels().cols;
  contents.heightPx = frame->pixels().rows;
  contents.frame = std::move(frame);
  return make(env, std::move(contents));
}

Napi::Object Image::fromFrame(Napi::Env env, std::shared_ptr<const Frame> frame) {
  Napi::Object image = fromPicture(env, frame);
  const auto constant = [&](const char* name, int64_t value) {
    return Napi::PropertyDescriptor::Value(name, Napi::Number::New(env, static_cast<double>(value)), napi_enumerable);
  };
  image.DefineProperties({constant("frameNumber", frame->number), constant("capturedAtMs", frame->capturedAtMs),
                          constant("streamChanges", frame->streamChanges)});
  return image;
}

Image& Image::argument(const Napi::CallbackInfo& info, size_t index) {
  const Napi::Value value = info[index];
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kImageTag)) {
    throw Napi::TypeError::New(info.Env(), "image must come from wrapRgb, decodeJpeg or captureFrame");
  }
  return *Unwrap(value.As<Napi::Object>());
}

Image::Image(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Image>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "images are made by wrapRgb, decodeJpeg and captureFrame");
  }
  info.This().As<Napi::Object>().TypeTag(&kImageTag);
  contents_ = std::move(*info[0].As<Napi::External<Contents>>().Data());
  isLive_ = true;
  liveImages++;
  if (contents_.frame) {
    const cv::Mat& pixels = contents_.frame->pixels();
    externalBytes_ = static_cast<int64_t>(pixels.total() * pixels.elemSize());
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), externalBytes_);
  }
}

Image::~Image() { drop(Env()); }

int Image::liveCount() { return liveImages; }

void Image::drop(Napi::Env env) {
  if (isLive_) liveImages--;
  isLive_ = false;
  contents_.data.Reset();
  contents_.frame.reset();
  if (externalBytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(env, -externalBytes_);
  externalBytes_ = 0;
}

Napi::Value Image::widthPx(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), contents_.widthPx); }

Napi::Value Image::heightPx(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), contents_.heightPx);
}

Napi::Value Image::release(const Napi::CallbackInfo& info) {
  drop(info.Env());
  return info.Env().Undefined();
}

Picture Image::picture() {
  if (contents_.frame) return {contents_.frame->pixels(), Order::bgr};
  if (contents_.data.IsEmpty()) throw Napi::TypeError::New(Env(), "the image was released");
  Napi::Uint8Array data = contents_.data.Value();
  // The size is checked each time: a transfer of the buffer to another thread empties the array and takes its memory
  // away.
  if (data.ByteLength() != static_cast<size_t>(contents_.widthPx) * contents_.heightPx * 3) {
    throw Napi::TypeError::New(Env(), "the buffer of the image was transferred or resized");
  }
  return {cv::Mat(contents_.heightPx, contents_.widthPx, CV_8UC3, data.Data()), Order::rgb};
}

Napi::Value wrapRgb(const Napi::CallbackInfo& info) {
  const int widthPx = integerArgument(info, 1, "widthPx", 1, kMaxSidePx);
  const int heightPx = integerArgument(info, 2, "heightPx", 1, kMaxSidePx);
  const Napi::Uint8Array data = bytesArgument(info, 0, "data", static_cast<size_t>(widthPx) * heightPx * 3);
  return Image::wrapRgb(info.Env(), data, widthPx, heightPx);
}

Napi::Value liveImageCount(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), Image::liveCount()); }

Napi::Value encodeJpeg(const Napi::CallbackInfo& info) {
  const int quality = integerArgument(info, 1, "quality", 1, 100);
  Image& image = Image::argument(info, 0);
  const cv::Size whole = image.picture().pixels.size();
  const Drawing drawing = drawingOptions(info, 2, whole);
  // The pixels are taken only now, because reading the options may have run JavaScript.
  const Picture picture = image.picture();
  cv::Mat pixels = picture.pixels;
  // These pixels are shared, so every step that changes them writes into a new matrix.
  if (drawing.size != whole) {
    cv::Mat scaled;
    cv::resize(pixels, scaled, drawing.size, 0, 0, cv::INTER_AREA);
    pixels = scaled;
  }
  bool isRgb = picture.order == Order::rgb;
  if (!drawing.boxes.empty()) {
    if (isRgb) {
      cv::Mat swapped;
      cv::cvtColor(pixels, swapped, cv::COLOR_RGB2BGR);
      pixels = swapped;
      isRgb = false;
    }
    if (pixels.data == picture.pixels.data) pixels = pixels.clone();
    drawBoxes(pixels, drawing, whole);
  }
  std::vector<uchar> bytes;
  if (const std::string problem = encodeAsJpeg(pixels, isRgb, quality, bytes); !problem.empty()) {
    throw Napi::Error::New(info.Env(), "the picture could not be encoded as JPEG: " + problem);
  }
  return Napi::Buffer<uchar>::Copy(info.Env(), bytes.data(), bytes.size());
}

}  // namespace lintel
