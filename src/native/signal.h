// A call into the JavaScript thread of one environment, from any thread, for as long as that environment lives.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>

namespace lintel {

class Signal {
 public:
  /// Runs on the JavaScript thread, within a handle scope. A JavaScript exception in it is an uncaught one.
  using Callback = std::function<void(Napi::Env)>;

  /// Dropping the last pointer to it ends it; a notification that is under way still arrives.
  /// @param keepsLoopAlive whether the environment's event loop waits for it
  static std::shared_ptr<Signal> create(Napi::Env env, const char* name, bool keepsLoopAlive, Callback callback);

  /// Has the callback run soon: once, however often this is called before it does. Harmless after the environment's
  /// end.
  void notify();

 private:
  void end();
  static void call(napi_env env, napi_value function, void* context, void* data);
  static void finalize(napi_env env, void* data, void* context);

  /// Guards the function: the environment deletes it when it ends, whoever still holds it.
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  bool pending_ = false;
  /// Touched on the JavaScript thread only, and destroyed there, since it may hold references to JavaScript values.
  Callback callback_;
};

}  // namespace lintel
