// The function findNearestRows for JavaScript.
#pragma once

#include <napi.h>

namespace lintel {

/// Implements findNearestRows(), which src/native/addon.ts describes.
Napi::Value findNearestRowsFunction(const Napi::CallbackInfo& info);

}  // namespace lintel
