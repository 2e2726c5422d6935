// The processor time of a thread, which Node 20 does not tell.
#pragma once

#include <napi.h>

namespace lintel {

/// Implements threadCpuMs(), which src/native/addon.ts describes.
Napi::Value threadCpuMs(const Napi::CallbackInfo& info);

}  // namespace lintel
