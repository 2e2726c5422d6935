// What the addon keeps per environment, that is per JavaScript thread.
#pragma once

#include <napi.h>

#include <opencv2/core.hpp>

#include <memory>

#include "frame.h"

namespace lintel {

class Instance {
 public:
  explicit Instance(Napi::Env env);
  ~Instance();

  static Instance& of(Napi::Env env) { return *env.GetInstanceData<Instance>(); }

  Napi::FunctionReference imageClass;
  /// Of letterbox, so that a steady stream of pictures allocates nothing.
  cv::Mat scratch;
  /// Of decodeJpeg, likewise.
  std::shared_ptr<FramePool> pictures = std::make_shared<FramePool>();
};

}  // namespace lintel
