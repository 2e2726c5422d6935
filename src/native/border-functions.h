// The function findBorder for JavaScript.
#pragma once

#include <napi.h>

namespace lintel {

/// Implements findBorder(), which src/native/addon.ts describes.
Napi::Value findBorderFunction(const Napi::CallbackInfo& info);

}  // namespace lintel
