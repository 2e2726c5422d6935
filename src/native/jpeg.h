// A strict decoder for plain JPEGs, on the thread that calls it.
#pragma once

#include <napi.h>

namespace lintel {

/// Implements decodeJpeg(bytes), which src/native/addon.ts describes.
Napi::Value decodeJpeg(const Napi::CallbackInfo& info);

}  // namespace lintel
