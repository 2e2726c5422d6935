// A picture as JavaScript holds it: a wrapped RGB buffer or a captured frame, never copied.
#pragma once

#include <napi.h>

#include <opencv2/core.hpp>

#include <memory>

#include "frame.h"
#include "tensor.h"

namespace lintel {

class Image : public Napi::ObjectWrap<Image> {
 public:
  /// Defines the class. The environment's instance data keeps it.
  static Napi::Function define(Napi::Env env);

  static Napi::Object wrapRgb(Napi::Env env, const Napi::Uint8Array& data, int widthPx, int heightPx);
  static Napi::Object fromPicture(Napi::Env env, std::shared_ptr<const Frame> frame);
  /// Makes an image with the properties frameNumber, capturedAtMs and streamChanges.
  static Napi::Object fromFrame(Napi::Env env, std::shared_ptr<const Frame> frame);

  /// @throws TypeError when the argument is no image of this addon
  static Image& argument(const Napi::CallbackInfo& info, size_t index);

  /// Content of an image: a JavaScript buffer (interleaved RGB) or a frame (interleaved BGR).
  struct Contents {
    int widthPx = 0;
    int heightPx = 0;
    Napi::Reference<Napi::Uint8Array> data;
    std::shared_ptr<const Frame> frame;
  };

  explicit Image(const Napi::CallbackInfo& info);
  ~Image() override;

  /// Returns the pixels, which are valid until JavaScript runs again.
  /// @throws TypeError after release(), or when the wrapped buffer was transferred away
  Picture picture();

  /// Number of images of this process, in all its threads, that still hold a buffer or a frame.
  static int liveCount();

 private:
  static Napi::Object make(Napi::Env env, Contents contents);

  Napi::Value widthPx(const Napi::CallbackInfo& info);
  Napi::Value heightPx(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  void drop(Napi::Env env);

  Contents contents_;
  /// True from construction until the pixels are dropped: the time in which the image is counted as live.
  bool isLive_ = false;
  /// Bytes of the frame that were reported to V8, so that frames which are not released cause a garbage collection.
  int64_t externalBytes_ = 0;
};

Napi::Value wrapRgb(const Napi::CallbackInfo& info);
Napi::Value encodeJpeg(const Napi::CallbackInfo& info);
Napi::Value liveImageCount(const Napi::CallbackInfo& info);

}  // namespace lintel
