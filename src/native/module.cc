// Entry point of the addon: the functions that it exports to each environment.
#include <malloc.h>
#include <napi.h>

#include <opencv2/core.hpp>
#include <opencv2/videoio/registry.hpp>

#include <mutex>

#include "arguments.h"
#include "capture-functions.h"
#include "heif.h"
#include "image.h"
#include "instance.h"
#include "jpeg.h"
#include "notify.h"
#include "part-functions.h"
#include "reader-libav.h"
#include "reader-opencv.h"
#include "registry.h"
#include "tensor-functions.h"

namespace lintel {
namespace {

/// Sets up the state that the whole process shares. Runs once, in the first thread that loads the addon.
void prepareProcess() {
  static std::once_flag once;
  std::call_once(once, [] {
#ifdef __GLIBC__
    // Blocks of a megabyte and more go back to the kernel when they are freed. By default glibc raises this size with each such block, up to
    // 32 MB, and from then on keeps what pictures and bodies have used.
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
    // The worker threads are the parallelism. More threads inside OpenCV would only take cores away from them.
    cv::setNumThreads(1);
    // Errors arrive as exceptions. Without this, OpenCV prints them as well.
    cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
    prepareOpenCv();
    prepareLibav();
  });
}

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  Napi::Array backends = Napi::Array::New(env);
  for (const cv::VideoCaptureAPIs backend : cv::videoio_registry::getBackends()) {
    if (!cv::videoio_registry::hasBackend(backend)) continue;
    backends.Set(backends.Length(), cv::videoio_registry::getBackendName(backend));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("opencv", cv::getVersionString());
  object.Set("backends", backends);
  object.Set("ffmpeg", av_version_info());
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
  exportFunction<sdNotify>(exports, "sdNotify");
  return exports;
}

}  // namespace

Instance::Instance(Napi::Env env) : imageClass(Napi::Persistent(Image::define(env))) { Registry::instance().enter(); }

Instance::~Instance() { Registry::instance().leave(); }

}  // namespace lintel

static Napi::Object initialiseModule(Napi::Env env, Napi::Object exports) { return lintel::initialise(env, exports); }

NODE_API_MODULE(lintel, initialiseModule)
