// Calls into the JavaScript thread of one environment, from any thread, as long as that environment lives.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>

namespace lintel {

class Signal {
 public:
  /// Runs on the JavaScript thread, within a handle scope. A JavaScript exception in it becomes an uncaught exception.
  using Callback = std::function<void(Napi::Env)>;

  /// Creates a signal, which ends when its last pointer is dropped. A notification that is already on its way still
  /// arrives.
  /// @param keepsLoopAlive true keeps the event loop of the environment running
  static std::shared_ptr<Signal> create(Napi::Env env, const char* name, bool keepsLoopAlive, Callback callback);

  /// Schedules the callback. Several calls before it runs cause a single run. Does nothing after the end of the
  /// environment.
  void notify();

 private:
  void end();
  static void call(napi_env env, napi_value function, void* context, void* data);
  static void finalize(napi_env env, void* data, void* context);

  /// Guards the function, which the environment deletes at its end even if others still hold it.
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  bool pending_ = false;
  /// Used and destroyed on the JavaScript thread only, because it may hold references to JavaScript values.
  Callback callback_;
};

}  // namespace lintel
