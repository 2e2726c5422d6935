// Reads arguments: a wrong type becomes a TypeError, a value outside its range (NaN included) a RangeError that names
// the argument.
#include "arguments.h"

#include <cmath>

namespace lintel {
namespace {

double finite(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), name + " must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) throw Napi::RangeError::New(value.Env(), name + " must be finite");
  return number;
}

int integer(const Napi::Value& value, const std::string& name, int min, int max) {
  const double number = finite(value, name);
  if (number != std::floor(number) || number < min || number > max) {
    throw Napi::RangeError::New(
        value.Env(), name + " must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return static_cast<int>(number);
}

std::string text(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), name + " must be a string");
  std::string string = value.As<Napi::String>().Utf8Value();
  if (string.find('\0') != std::string::npos) {
    throw Napi::TypeError::New(value.Env(), name + " must not contain a NUL character");
  }
  return string;
}

template <typename Array>
Array typedArray(const Napi::CallbackInfo& info, size_t index, const std::string& name, napi_typedarray_type type,
                 const char* typeName, size_t length) {
  const Napi::Value value = info[index];
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw Napi::TypeError::New(info.Env(), name + " must be a " + typeName);
  }
  const Array array = value.As<Array>();
  if (array.ElementLength() != length) {
    throw Napi::RangeError::New(info.Env(), name + " must have " + std::to_string(length) + " elements, not " +
                                                std::to_string(array.ElementLength()));
  }
  return array;
}

}  // namespace

Napi::Object objectArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsObject()) throw Napi::TypeError::New(info.Env(), std::string(name) + " must be an object");
  return info[index].As<Napi::Object>();
}

std::string stringArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return text(info[index], name);
}

double numberArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return finite(info[index], name);
}

int integerArgument(const Napi::CallbackInfo& info, size_t index, const char* name, int min, int max) {
  return integer(info[index], name, min, max);
}

Napi::Float32Array floatsArgument(const Napi::CallbackInfo& info, size_t index, const char* name, size_t length) {
  return typedArray<Napi::Float32Array>(info, index, name, napi_float32_array, "Float32Array", length);
}

Napi::Uint8Array bytesArgument(const Napi::CallbackInfo& info, size_t index, const char* name, size_t length) {
  return typedArray<Napi::Uint8Array>(info, index, name, napi_uint8_array, "Uint8Array", length);
}

double numberOption(const Napi::Object& options, const char* name) { return finite(options.Get(name), name); }

int integerOption(const Napi::Object& options, const char* name, int min, int max) {
  return integer(options.Get(name), name, min, max);
}

bool booleanOption(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsBoolean()) throw Napi::TypeError::New(options.Env(), std::string(name) + " must be a boolean");
  return value.As<Napi::Boolean>();
}

std::string stringOption(const Napi::Object& options, const char* name) { return text(options.Get(name), name); }

void numbersOption(const Napi::Object& options, const char* name, double* values, uint32_t count) {
  const Napi::Value value = options.Get(name);
  if (!value.IsArray()) throw Napi::TypeError::New(options.Env(), std::string(name) + " must be an array of numbers");
  const Napi::Array array = value.As<Napi::Array>();
  if (array.Length() != count) {
    throw Napi::RangeError::New(options.Env(),
                                std::string(name) + " must have " + std::to_string(count) + " numbers");
  }
  for (uint32_t i = 0; i < count; i++) {
    values[i] = finite(array.Get(i), std::string(name) + "[" + std::to_string(i) + "]");
  }
}

}  // namespace lintel
