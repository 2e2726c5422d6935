// The processor time of a thread, which Node 20 does not tell.
#include "thread-time.h"

#include <time.h>

#include <cerrno>
#include <system_error>

namespace lintel {

Napi::Value threadCpuMs(const Napi::CallbackInfo& info) {
  timespec used{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) {
    throw std::system_error(errno, std::generic_category(), "the processor time of the thread cannot be read");
  }
  return Napi::Number::New(info.Env(), static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6);
}

}  // namespace lintel
