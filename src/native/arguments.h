// Reads arguments: a wrong type becomes a TypeError, a value outside its range (NaN included) a RangeError that names
// the argument.
#pragma once

#include <napi.h>

#include <opencv2/core.hpp>

#include <stdexcept>
#include <string>

namespace lintel {

/// Longest side of a picture or tensor, in pixels: OpenCV has 16-bit coordinates.
constexpr int kMaxSidePx = 32'767;

Napi::Object objectArgument(const Napi::CallbackInfo& info, size_t index, const char* name);
std::string stringArgument(const Napi::CallbackInfo& info, size_t index, const char* name);
double numberArgument(const Napi::CallbackInfo& info, size_t index, const char* name);
int integerArgument(const Napi::CallbackInfo& info, size_t index, const char* name, int min, int max);

/// Return a typed array of exactly `length` elements.
Napi::Float32Array floatsArgument(const Napi::CallbackInfo& info, size_t index, const char* name, size_t length);
Napi::Uint8Array bytesArgument(const Napi::CallbackInfo& info, size_t index, const char* name, size_t length);

double numberOption(const Napi::Object& options, const char* name);
int integerOption(const Napi::Object& options, const char* name, int min, int max);
bool booleanOption(const Napi::Object& options, const char* name);
std::string stringOption(const Napi::Object& options, const char* name);
/// Fills `values` from an array of exactly `count` finite numbers.
void numbersOption(const Napi::Object& options, const char* name, double* values, uint32_t count);

/// Calls an exported function, and turns every C++ exception into a JavaScript error.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const cv::Exception& error) {
    throw Napi::Error::New(info.Env(), "OpenCV: " + error.err);
  } catch (const std::out_of_range& error) {
    throw Napi::RangeError::New(info.Env(), error.what());
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  } catch (...) {
    throw Napi::Error::New(info.Env(), "an unknown C++ exception");
  }
}

/// Adds a function to the exports, guarded.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
void exportFunction(Napi::Object& exports, const char* name) {
  exports.Set(name, Napi::Function::New<guarded<function>>(exports.Env(), name));
}

}  // namespace lintel
