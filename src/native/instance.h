// Data of the addon for each environment, that is for each JavaScript thread.
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

  static Instance& get(Napi::Env env) { return *env.GetInstanceData<Instance>(); }

  Napi::FunctionReference imageClass;
  /// Memory of letterbox, which is used again, so that a steady stream of pictures allocates nothing.
  cv::Mat scratch;
  /// Frames of decodeJpeg, whose memory is used again.
  std::shared_ptr<FramePool> pictures = std::make_shared<FramePool>();
};

}  // namespace lintel
