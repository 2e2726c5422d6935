// openCapture, captureState, captureFrame and closeCapture as JavaScript calls them.
#pragma once

#include <napi.h>

namespace lintel {

Napi::Value openCapture(const Napi::CallbackInfo& info);
Napi::Value captureState(const Napi::CallbackInfo& info);
Napi::Value captureFrame(const Napi::CallbackInfo& info);
Napi::Value closeCapture(const Napi::CallbackInfo& info);

}  // namespace lintel
