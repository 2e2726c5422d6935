// Memory of the C library's allocator: how much freed memory it keeps, and when it returns that to the kernel.
#pragma once

#include <napi.h>

namespace lintel {

/// Sets the limits of the allocator for the whole process. Called once, before other threads run.
void limitFreedMemory();

Napi::Value collectGarbage(const Napi::CallbackInfo& info);
Napi::Value dropProgramPages(const Napi::CallbackInfo& info);
Napi::Value trimMemory(const Napi::CallbackInfo& info);

}  // namespace lintel
