// The function splitParts for JavaScript.
#include "part-functions.h"

#include "arguments.h"
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

}  // namespace lintel
