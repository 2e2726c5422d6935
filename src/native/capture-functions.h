// The functions openCapture, captureState, captureFrame and closeCapture for JavaScript.
#pragma once

#include <napi.h>

namespace lintel {

Napi::Value openCapture(const Napi::CallbackInfo& info);
Napi::Value captureState(const Napi::CallbackInfo& info);
Napi::Value captureFrame(const Napi::CallbackInfo& info);
Napi::Value closeCapture(const Napi::CallbackInfo& info);

}  // namespace lintel
