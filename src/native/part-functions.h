// The functions splitParts and decodeCameraPicture for JavaScript.
#pragma once

#include <napi.h>

namespace lintel {

/// Implements splitParts(contentType, chunks), which src/native/addon.ts describes.
Napi::Value splitParts(const Napi::CallbackInfo& info);
/// Implements decodeCameraPicture(bytes), which src/native/addon.ts describes.
Napi::Value decodeCameraPicture(const Napi::CallbackInfo& info);

}  // namespace lintel
