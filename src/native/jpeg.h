// A strict decoder for plain JPEGs, on the thread that calls it.
#pragma once

#include <napi.h>

namespace lintel {

/// decodeJpeg(bytes) as src/native/addon.ts describes it.
Napi::Value decodeJpeg(const Napi::CallbackInfo& info);

}  // namespace lintel
