// letterbox, warp and warpToTensor as JavaScript calls them.
#pragma once

#include <napi.h>

namespace lintel {

Napi::Value letterboxFunction(const Napi::CallbackInfo& info);
Napi::Value warpFunction(const Napi::CallbackInfo& info);
Napi::Value warpToTensorFunction(const Napi::CallbackInfo& info);

}  // namespace lintel
