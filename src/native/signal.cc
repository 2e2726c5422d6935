// Calls into the JavaScript thread of one environment, from any thread, as long as that environment lives.
#include "signal.h"

#include <utility>

namespace lintel {

std::shared_ptr<Signal> Signal::create(Napi::Env env, const char* name, bool keepsLoopAlive, Callback callback) {
  auto signal = std::make_shared<Signal>();
  signal->callback_ = std::move(callback);
  // The thread-safe function owns it until its finalizer runs.
  auto context = std::make_unique<std::shared_ptr<Signal>>(signal);
  napi_threadsafe_function function = nullptr;
  napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, name), 0, 1,
                                                       context.get(), finalize, context.get(), call, &function);
  if (status != napi_ok) throw Napi::Error::New(env);
  context.release();
  signal->function_ = function;
  if (!keepsLoopAlive) napi_unref_threadsafe_function(env, function);
  return std::shared_ptr<Signal>(signal.get(), [signal](Signal*) { signal->end(); });
}

void Signal::notify() {
  std::lock_guard lock(mutex_);
  if (function_ == nullptr || pending_) return;
  const napi_status status = napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
  if (status == napi_ok) pending_ = true;
  // napi_closing means that the environment is ending and has released the function.
  if (status == napi_closing) function_ = nullptr;
}

void Signal::end() {
  std::lock_guard lock(mutex_);
  if (function_ == nullptr) return;
  napi_release_threadsafe_function(function_, napi_tsfn_release);
  function_ = nullptr;
}

void Signal::call(napi_env env, napi_value, void* context, void*) {
  // The queue is being emptied after the finalizer ran: the context is gone.
  if (env == nullptr) return;
  // The pointer is copied, because the callback may cause the finalizer to run.
  const std::shared_ptr<Signal> self = *static_cast<std::shared_ptr<Signal>*>(context);
  {
    std::lock_guard lock(self->mutex_);
    self->pending_ = false;
  }
  try {
    self->callback_(Napi::Env(env));
  } catch (const Napi::Error& error) {
    try {
      napi_fatal_exception(env, error.Value());
    } catch (const Napi::Error&) {
      // The thread is being terminated: the error cannot be reported.
    }
  }
}

void Signal::finalize(napi_env, void* data, void*) {
  const std::unique_ptr<std::shared_ptr<Signal>> owner(static_cast<std::shared_ptr<Signal>*>(data));
  Signal& self = **owner;
  {
    std::lock_guard lock(self.mutex_);
    self.function_ = nullptr;
  }
  self.callback_ = nullptr;
}

}  // namespace lintel
