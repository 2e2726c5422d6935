// The functions openCapture, captureState, captureFrame and closeCapture for JavaScript.
#include "capture-functions.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "arguments.h"
#include "image.h"
#include "instance.h"
#include "reader.h"
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

/// Reads the transport of RTSP, which may be left out.
SourceOptions::Transport transportOption(const Napi::Object& source) {
  if (source.Get("transport").IsUndefined()) return SourceOptions::Transport::tcp;
  const std::string transport = stringOption(source, "transport");
  if (transport == "tcp") return SourceOptions::Transport::tcp;
  if (transport == "udp") return SourceOptions::Transport::udp;
  if (transport == "auto") return SourceOptions::Transport::any;
  throw Napi::TypeError::New(source.Env(), "transport must be 'tcp', 'udp' or 'auto'");
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
    made.transport = transportOption(source);
  } else if (type == "snapshot") {
    made.type = SourceOptions::Type::snapshot;
    made.target = targetOption(source, "url");
    made.everyMs = integerOption(source, "everyMs", 1, kMaxTimeoutMs);
  } else if (type == "file") {
    made.type = SourceOptions::Type::file;
    made.target = targetOption(source, "path");
    made.loop = booleanOption(source, "loop");
    made.realTime = booleanOption(source, "realTime");
  } else {
    throw Napi::TypeError::New(env, "source.type must be 'device', 'gstreamer', 'url', 'snapshot' or 'file'");
  }
  made.widthPx = integerOption(options, "widthPx", 0, kMaxSidePx);
  made.heightPx = integerOption(options, "heightPx", 0, kMaxSidePx);
  made.fps = numberOption(options, "fps");
  if (made.fps < 0 || made.fps > kMaxFps) throw Napi::RangeError::New(env, "fps must be from 0 to 1000");
  made.openTimeoutMs = integerOption(options, "openTimeoutMs", 1, kMaxTimeoutMs);
  made.readTimeoutMs = integerOption(options, "readTimeoutMs", 1, kMaxTimeoutMs);
  return made;
}

/// Reads rotate, flip and region, each of which may be left out.
Upright uprightOptions(const Napi::Object& options) {
  const Napi::Env env = options.Env();
  Upright made;
  if (!options.Get("rotate").IsUndefined()) {
    made.rotate = integerOption(options, "rotate", 0, 270);
    if (made.rotate % 90 != 0) throw Napi::RangeError::New(env, "rotate must be 0, 90, 180 or 270");
  }
  if (!options.Get("flip").IsUndefined()) {
    const std::string flip = stringOption(options, "flip");
    if (flip == "horizontal") {
      made.flip = Upright::Flip::horizontal;
    } else if (flip == "vertical") {
      made.flip = Upright::Flip::vertical;
    } else if (flip != "none") {
      throw Napi::TypeError::New(env, "flip must be 'none', 'horizontal' or 'vertical'");
    }
  }
  const Napi::Value region = options.Get("region");
  if (region.IsUndefined()) return made;
  if (!region.IsObject()) throw Napi::TypeError::New(env, "region must be an object");
  const Napi::Object part = region.As<Napi::Object>();
  made.x0 = numberOption(part, "x0"), made.y0 = numberOption(part, "y0");
  made.x1 = numberOption(part, "x1"), made.y1 = numberOption(part, "y1");
  if (made.x0 < 0 || made.y0 < 0 || made.x1 > 1 || made.y1 > 1 || made.x0 >= made.x1 || made.y0 >= made.y1) {
    throw Napi::RangeError::New(env, "region must lie within 0 and 1, and not be empty");
  }
  return made;
}

const char* toName(SourceClock clock) {
  switch (clock) {
    case SourceClock::none:
      return "none";
    case SourceClock::segments:
      return "segments";
    case SourceClock::live:
      return "live";
  }
  return "none";
}

Napi::Object pictureObject(Napi::Env env, const PictureState& picture) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("rawWidthPx", picture.rawWidthPx);
  object.Set("rawHeightPx", picture.rawHeightPx);
  object.Set("mean", picture.look.mean);
  object.Set("deviation", picture.look.deviation);
  object.Set("sharpness", picture.look.sharpness);
  object.Set("unchangedFrames", static_cast<double>(picture.unchangedFrames));
  object.Set("unchangedMs", picture.unchangedMs);
  object.Set("stillMs", picture.stillMs);
  object.Set("arrivedMs", picture.arrivedMs);
  if (picture.timestampMs) object.Set("timestampMs", *picture.timestampMs);
  object.Set("timestampFaults", static_cast<double>(picture.timestampFaults));
  object.Set("clock", toName(picture.clock));
  object.Set("isInterlaced", picture.isInterlaced);
  return object;
}

Napi::Object formatObject(Napi::Env env, const StreamFormat& format) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("codec", format.codec);
  object.Set("pixelFormat", format.pixelFormat);
  object.Set("widthPx", format.widthPx);
  object.Set("heightPx", format.heightPx);
  object.Set("rotate", format.rotate);
  object.Set("isMirrored", format.isMirrored);
  object.Set("isFullRange", format.isFullRange);
  return object;
}

const char* toName(CaptureStatus status) {
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
  const Upright how = uprightOptions(objectArgument(info, 0, "options"));
  if (!info[1].IsFunction()) throw Napi::TypeError::New(info.Env(), "onChange must be a function");
  const auto onChange = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[1].As<Napi::Function>()));
  const std::shared_ptr<Signal> signal =
      Signal::create(info.Env(), "lintel capture", false, [onChange](Napi::Env) { onChange->Call({}); });
  loadReaderLibrary(options);
  const int handle = Registry::instance().open(std::move(options), how, [signal] { signal->notify(); });
  return Napi::Number::New(info.Env(), handle);
}

Napi::Value captureState(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  CaptureState state;
  state.status = CaptureStatus::closed;
  if (const auto capture = Registry::instance().find(handleArgument(info))) state = capture->state();
  Napi::Object object = Napi::Object::New(env);
  object.Set("status", toName(state.status));
  object.Set("error", state.error);
  object.Set("frameNumber", static_cast<double>(state.frameNumber));
  object.Set("dropped", static_cast<double>(state.dropped));
  object.Set("damaged", static_cast<double>(state.damaged));
  object.Set("streamChanges", static_cast<double>(state.streamChanges));
  if (state.picture) object.Set("format", formatObject(env, state.format));
  object.Set("widthPx", state.widthPx);
  object.Set("heightPx", state.heightPx);
  object.Set("fps", state.fps);
  if (state.picture) object.Set("picture", pictureObject(env, *state.picture));
  return object;
}

Napi::Value captureFrame(const Napi::CallbackInfo& info) {
  const auto capture = Registry::instance().find(handleArgument(info));
  const double after = numberArgument(info, 1, "after");
  // A double holds whole numbers exactly up to here, and no frame number is greater.
  constexpr double kMost = 9'007'199'254'740'991;
  if (after < 0 || after > kMost) throw Napi::RangeError::New(info.Env(), "after must be a frame number, or 0");
  std::shared_ptr<const Frame> frame = capture ? capture->take(static_cast<int64_t>(after)) : nullptr;
  if (!frame) return info.Env().Undefined();
  // This thread does the work, not the capture's: a frame that nobody takes is not rotated.
  frame = upright(std::move(frame), capture->how(), *Instance::get(info.Env()).pictures);
  return Image::fromFrame(info.Env(), std::move(frame));
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
