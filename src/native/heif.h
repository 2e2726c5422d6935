// A decoder for HEIC pictures, based on the libheif of the platform, on the thread that calls it.
#pragma once

#include <napi.h>

namespace lintel {

/// Implements decodeHeif(bytes, maxPixels), which src/native/addon.ts describes.
Napi::Value decodeHeif(const Napi::CallbackInfo& info);

}  // namespace lintel
