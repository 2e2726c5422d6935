// Entry point of the addon: the functions that it exports to each environment.
#include <napi.h>

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>

#include <mutex>
#include <string>
#include <vector>

#include "arguments.h"
#include "border-functions.h"
#include "capture-functions.h"
#include "heif.h"
#include "image.h"
#include "instance.h"
#include "jpeg.h"
#include "memory.h"
#include "nearest-functions.h"
#include "notify.h"
#include "part-functions.h"
#include "plugin-devices.h"
#include "plugin-streams.h"
#include "plugin.h"
#include "registry.h"
#include "tensor-functions.h"
#include "thread-time.h"

namespace lintel {
namespace {

/// Sets up the state that the whole process shares. Runs once, in the first thread that loads the addon.
void prepareProcess() {
  static std::once_flag once;
  std::call_once(once, [] {
    limitFreedMemory();
    // The worker threads are the parallelism. More threads inside OpenCV would only take cores away from them.
    cv::setNumThreads(1);
    // Errors arrive as exceptions. Without this, OpenCV prints them as well.
    cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  });
}

Napi::Value listBackends(const Napi::CallbackInfo& call) {
  std::vector<std::string> names;
  findIn<decltype(lintelListBackends)>(kDevicesPlugin, "lintelListBackends")(names);
  Napi::Array backends = Napi::Array::New(call.Env());
  for (const std::string& name : names) backends.Set(backends.Length(), name);
  return backends;
}

Napi::Value readFfmpegVersion(const Napi::CallbackInfo& call) {
  return Napi::String::New(
      call.Env(), findIn<decltype(lintelReadFfmpegVersion)>(kStreamsPlugin, "lintelReadFfmpegVersion")());
}

Napi::Value info(const Napi::CallbackInfo& call) {
  Napi::Object object = Napi::Object::New(call.Env());
  object.Set("opencv", cv::getVersionString());
  // Getters, because these two load the libraries of the cameras.
  object.DefineProperties({Napi::PropertyDescriptor::Accessor<listBackends>("backends", napi_enumerable),
                           Napi::PropertyDescriptor::Accessor<readFfmpegVersion>("ffmpeg", napi_enumerable)});
  return object;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  prepareProcess();
  env.SetInstanceData(new Instance(env));
  exportFunction<info>(exports, "info");
  exportFunction<wrapRgb>(exports, "wrapRgb");
  exportFunction<letterboxFunction>(exports, "letterbox");
  exportFunction<warpFunction>(exports, "warp");
  exportFunction<warpToTensorFunction>(exports, "warpToTensor");
  exportFunction<decodeJpeg>(exports, "decodeJpeg");
  exportFunction<isWholeJpeg>(exports, "isWholeJpeg");
  exportFunction<encodeJpeg>(exports, "encodeJpeg");
  exportFunction<decodeHeif>(exports, "decodeHeif");
  exportFunction<liveImageCount>(exports, "liveImageCount");
  exportFunction<openCapture>(exports, "openCapture");
  exportFunction<captureState>(exports, "captureState");
  exportFunction<captureFrame>(exports, "captureFrame");
  exportFunction<closeCapture>(exports, "closeCapture");
  exportFunction<splitParts>(exports, "splitParts");
  exportFunction<decodeCameraPicture>(exports, "decodeCameraPicture");
  exportFunction<collectGarbage>(exports, "collectGarbage");
  exportFunction<dropProgramPages>(exports, "dropProgramPages");
  exportFunction<trimMemory>(exports, "trimMemory");
  exportFunction<sdNotify>(exports, "sdNotify");
  exportFunction<findNearestRowsFunction>(exports, "findNearestRows");
  exportFunction<findBorderFunction>(exports, "findBorder");
  exportFunction<threadCpuMs>(exports, "threadCpuMs");
  return exports;
}

}  // namespace

Instance::Instance(Napi::Env env) : imageClass(Napi::Persistent(Image::define(env))) { Registry::instance().enter(); }

Instance::~Instance() { Registry::instance().leave(); }

}  // namespace lintel

static Napi::Object initialiseModule(Napi::Env env, Napi::Object exports) { return lintel::initialise(env, exports); }

NODE_API_MODULE(lintel, initialiseModule)
