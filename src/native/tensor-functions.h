// The functions letterbox, warp and warpToTensor for JavaScript.
#pragma once

#include <napi.h>

namespace lintel {

Napi::Value letterboxFunction(const Napi::CallbackInfo& info);
Napi::Value warpFunction(const Napi::CallbackInfo& info);
Napi::Value warpToTensorFunction(const Napi::CallbackInfo& info);

}  // namespace lintel
