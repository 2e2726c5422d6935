// The picture as JavaScript holds it: a wrapped RGB buffer or a captured frame, never copied.
#include "image.h"

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <vector>

#include "arguments.h"
#include "instance.h"

namespace lintel {
namespace {

/// Marks our objects: instanceof could be deceived by a borrowed prototype, and unwrapping a foreign object is fatal.
constexpr napi_type_tag kImageTag = {0x6c696e74656c2e69, 0x9a1f4be2703c58d4};

}  // namespace

Napi::Function Image::define(Napi::Env env) {
  return DefineClass(env, "NativeImage",
                     {InstanceAccessor<&Image::widthPx>("widthPx"), InstanceAccessor<&Image::heightPx>("heightPx"),
                      InstanceMethod<&Image::release>("release")});
}

Napi::Object Image::make(Napi::Env env, Contents contents) {
  return Instance::of(env).imageClass.New({Napi::External<Contents>::New(env, &contents)});
}

Napi::Object Image::wrapRgb(Napi::Env env, const Napi::Uint8Array& data, int widthPx, int heightPx) {
  Contents contents;
  contents.widthPx = widthPx;
  contents.heightPx = heightPx;
  contents.data = Napi::Persistent(data);
  return make(env, std::move(contents));
}

Napi::Object Image::ofPicture(Napi::Env env, std::shared_ptr<const Frame> frame) {
  Contents contents;
  contents.widthPx = frame->bgr.cols;
  contents.heightPx = frame->bgr.rows;
  contents.frame = std::move(frame);
  return make(env, std::move(contents));
}

Napi::Object Image::ofFrame(Napi::Env env, std::shared_ptr<const Frame> frame) {
  Napi::Object image = ofPicture(env, frame);
  const auto constant = [&](const char* name, int64_t value) {
    return Napi::PropertyDescriptor::Value(name, Napi::Number::New(env, static_cast<double>(value)), napi_enumerable);
  };
  image.DefineProperties({constant("frameNumber", frame->number), constant("capturedAtMs", frame->capturedAtMs)});
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
  if (contents_.frame) {
    externalBytes_ = static_cast<int64_t>(contents_.frame->bgr.total() * contents_.frame->bgr.elemSize());
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), externalBytes_);
  }
}

Image::~Image() { drop(Env()); }

void Image::drop(Napi::Env env) {
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
  if (contents_.frame) return {contents_.frame->bgr, Order::bgr};
  if (contents_.data.IsEmpty()) throw Napi::TypeError::New(Env(), "the image was released");
  Napi::Uint8Array data = contents_.data.Value();
  // Asked anew each time: transferring the buffer to another thread empties the array and takes the memory away.
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

Napi::Value encodeJpeg(const Napi::CallbackInfo& info) {
  const int quality = integerArgument(info, 1, "quality", 1, 100);
  const Picture picture = Image::argument(info, 0).picture();
  // Into a matrix of its own: one that shares the pixels would be swapped in the caller's buffer.
  cv::Mat swapped;
  if (picture.order == Order::rgb) cv::cvtColor(picture.pixels, swapped, cv::COLOR_RGB2BGR);
  std::vector<uchar> bytes;
  if (!cv::imencode(".jpg", swapped.empty() ? picture.pixels : swapped, bytes, {cv::IMWRITE_JPEG_QUALITY, quality})) {
    throw Napi::Error::New(info.Env(), "the picture could not be encoded as JPEG");
  }
  return Napi::Buffer<uchar>::Copy(info.Env(), bytes.data(), bytes.size());
}

}  // namespace lintel
