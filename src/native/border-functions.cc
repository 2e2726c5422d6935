// The function findBorder for JavaScript.
#include "border-functions.h"

#include <cstdint>
#include <optional>

#include "arguments.h"
#include "border.h"

namespace lintel {

Napi::Value findBorderFunction(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Uint8Array grey = bytesArgument(info, 0, "grey", kBorderViewPixels);
  Napi::Uint8Array inside = bytesArgument(info, 1, "inside", kBorderViewPixels);
  const std::optional<FoundBorder> found = findBorder(grey.Data(), inside.Data());
  if (!found) return env.Undefined();
  Napi::Array coverage = Napi::Array::New(env, found->coverage.size());
  Napi::Array corners = Napi::Array::New(env, found->corners.size());
  for (uint32_t i = 0; i < found->corners.size(); i++) {
    coverage.Set(i, found->coverage[i]);
    Napi::Object corner = Napi::Object::New(env);
    corner.Set("x", found->corners[i].x);
    corner.Set("y", found->corners[i].y);
    corners.Set(i, corner);
  }
  Napi::Object border = Napi::Object::New(env);
  border.Set("coverage", coverage);
  border.Set("corners", corners);
  return border;
}

}  // namespace lintel
