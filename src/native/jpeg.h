// A strict decoder for plain JPEGs and a check for every JPEG, on the thread that calls them.
#pragma once

#include <napi.h>

namespace lintel {

/// Implements decodeJpeg(bytes), which src/native/addon.ts describes.
Napi::Value decodeJpeg(const Napi::CallbackInfo& info);
/// Implements isWholeJpeg(bytes, cancelled?), which src/native/addon.ts describes.
Napi::Value isWholeJpeg(const Napi::CallbackInfo& info);

}  // namespace lintel
