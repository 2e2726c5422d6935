// openCapture, captureState, captureFrame and closeCapture as JavaScript calls them.
#include "capture-functions.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "arguments.h"
#include "image.h"
#include "registry.h"
#include "signal.h"

namespace lintel {
namespace {

constexpr int kMaxTimeoutMs = 3'600'000;
constexpr double kMaxFps = 1'000;

std::string targetOption(const Napi::Object& source, const char* name) {
  std::string target = stringOption(source, name);
  if (target.empty()) throw Napi::RangeError::New(source.Env(), std::string(name) + " must not be empty");
  return target;
}

SourceOptions sourceOptions(const Napi::Object& options) {
  const Napi::Env env = options.Env();
  const Napi::Value value = options.Get("source");
  if (!value.IsObject()) throw Napi::TypeError::New(env, "source must be an object");
  const Napi::Object source = value.As<Napi::Object>();
  const std::string type = stringOption(source, "type");
  SourceOptions made;
  if (type == "device") {
    made.type = SourceOptions::Type::device;
    made.target = targetOption(source, "path");
  } else if (type == "gstreamer") {
    made.type = SourceOptions::Type::gstreamer;
    made.target = targetOption(source, "pipeline");
  } else if (type == "url") {
    made.type = SourceOptions::Type::url;
    made.target = targetOption(source, "url");
  } else if (type == "file") {
    made.type = SourceOptions::Type::file;
    made.target = targetOption(source, "path");
    made.loop = booleanOption(source, "loop");
    made.realTime = booleanOption(source, "realTime");
  } else {
    throw Napi::TypeError::New(env, "source.type must be 'device', 'gstreamer', 'url' or 'file'");
  }
  made.widthPx = integerOption(options, "widthPx", 0, kMaxSidePx);
  made.heightPx = integerOption(options, "heightPx", 0, kMaxSidePx);
  made.fps = numberOption(options, "fps");
  if (made.fps < 0 || made.fps > kMaxFps) throw Napi::RangeError::New(env, "fps must be from 0 to 1000");
  made.openTimeoutMs = integerOption(options, "openTimeoutMs", 1, kMaxTimeoutMs);
  made.readTimeoutMs = integerOption(options, "readTimeoutMs", 1, kMaxTimeoutMs);
  return made;
}

const char* nameOf(CaptureStatus status) {
  switch (status) {
    case CaptureStatus::opening:
      return "opening";
    case CaptureStatus::running:
      return "running";
    case CaptureStatus::ended:
      return "ended";
    case CaptureStatus::failed:
      return "failed";
    case CaptureStatus::closed:
      return "closed";
  }
  return "failed";
}

int handleArgument(const Napi::CallbackInfo& info) {
  return integerArgument(info, 0, "handle", 1, std::numeric_limits<int>::max());
}

}  // namespace

Napi::Value openCapture(const Napi::CallbackInfo& info) {
  SourceOptions options = sourceOptions(objectArgument(info, 0, "options"));
  if (!info[1].IsFunction()) throw Napi::TypeError::New(info.Env(), "onChange must be a function");
  const auto onChange = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[1].As<Napi::Function>()));
  const std::shared_ptr<Signal> signal =
      Signal::create(info.Env(), "lintel capture", false, [onChange](Napi::Env) { onChange->Call({}); });
  const int handle = Registry::instance().open(std::move(options), [signal] { signal->notify(); });
  return Napi::Number::New(info.Env(), handle);
}

Napi::Value captureState(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  CaptureState state;
  state.status = CaptureStatus::closed;
  if (const auto capture = Registry::instance().find(handleArgument(info))) state = capture->state();
  Napi::Object object = Napi::Object::New(env);
  object.Set("status", nameOf(state.status));
  object.Set("error", state.error);
  object.Set("frameNumber", static_cast<double>(state.frameNumber));
  object.Set("dropped", static_cast<double>(state.dropped));
  object.Set("widthPx", state.widthPx);
  object.Set("heightPx", state.heightPx);
  object.Set("fps", state.fps);
  return object;
}

Napi::Value captureFrame(const Napi::CallbackInfo& info) {
  const auto capture = Registry::instance().find(handleArgument(info));
  const double after = numberArgument(info, 1, "after");
  // Clamped into what a double holds exactly: beyond it no frame number lies anyway.
  constexpr double kMost = 9'007'199'254'740'991;
  if (after < 0 || after > kMost) throw Napi::RangeError::New(info.Env(), "after must be a frame number, or 0");
  std::shared_ptr<const Frame> frame = capture ? capture->take(static_cast<int64_t>(after)) : nullptr;
  if (!frame) return info.Env().Undefined();
  return Image::ofFrame(info.Env(), std::move(frame));
}

Napi::Value closeCapture(const Napi::CallbackInfo& info) {
  const auto deferred = std::make_shared<Napi::Promise::Deferred>(info.Env());
  const int handle = handleArgument(info);
  const std::shared_ptr<Signal> signal = Signal::create(
      info.Env(), "lintel close", true, [deferred](Napi::Env env) { deferred->Resolve(env.Undefined()); });
  Registry::instance().close(handle, [signal] { signal->notify(); });
  return deferred->Promise();
}

}  // namespace lintel
