// The function splitParts for JavaScript.
#pragma once

#include <napi.h>

namespace lintel {

/// Implements splitParts(contentType, chunks), which src/native/addon.ts describes.
Napi::Value splitParts(const Napi::CallbackInfo& info);

}  // namespace lintel
