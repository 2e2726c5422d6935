// The functions splitParts and decodeCameraPicture for JavaScript.
#include "part-functions.h"

#include <utility>

#include "arguments.h"
#include "camera-picture.h"
#include "image.h"
#include "instance.h"
#include "part-splitter.h"

namespace lintel {
namespace {

void takePictures(PartSplitter& splitter, Napi::Array& pictures) {
  const Napi::Env env = pictures.Env();
  while (const auto picture = splitter.next()) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("jpeg", Napi::Buffer<unsigned char>::Copy(env, picture->jpeg.data(), picture->jpeg.size()));
    if (picture->timestampMs) object.Set("timestampMs", *picture->timestampMs);
    pictures.Set(pictures.Length(), object);
  }
}

}  // namespace

Napi::Value splitParts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  PartSplitter splitter(stringArgument(info, 0, "contentType"));
  if (!info[1].IsArray()) throw Napi::TypeError::New(env, "chunks must be an array");
  const Napi::Array chunks = info[1].As<Napi::Array>();
  Napi::Array pictures = Napi::Array::New(env);
  for (uint32_t i = 0; i < chunks.Length(); i++) {
    const Napi::Value chunk = chunks.Get(i);
    if (!chunk.IsTypedArray() || chunk.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      throw Napi::TypeError::New(env, "chunks must hold Uint8Arrays");
    }
    const auto bytes = chunk.As<Napi::Uint8Array>();
    splitter.add(bytes.Data(), bytes.ByteLength());
    takePictures(splitter, pictures);
  }
  splitter.end();
  takePictures(splitter, pictures);
  if (splitter.isTooLarge()) throw Napi::RangeError::New(env, "a picture is larger than 16 MiB");
  return pictures;
}

Napi::Value decodeCameraPicture(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(env, "bytes must be a Uint8Array");
  }
  const auto bytes = info[0].As<Napi::Uint8Array>();
  const std::atomic<bool> isStopped{false};
  StreamFormat format;
  std::shared_ptr<Frame> frame = Instance::get(env).pictures->take();
  const std::vector<unsigned char> copy(bytes.Data(), bytes.Data() + bytes.ByteLength());
  if (!decodeToFrame(copy, *frame, format, isStopped).empty()) return env.Undefined();
  return Image::fromPicture(env, std::move(frame));
}

}  // namespace lintel
