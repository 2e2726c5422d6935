// The libraries of the cameras: shared objects beside the addon, which are loaded when a camera first needs them.
#include "plugin.h"

#include <dlfcn.h>

#include <stdexcept>

namespace lintel {
namespace {

/// Returns the folder of the file that contains this function, with a slash at its end.
std::string findFolder() {
  Dl_info found{};
  if (dladdr(reinterpret_cast<void*>(&findFolder), &found) == 0 || found.dli_fname == nullptr) return {};
  const std::string path = found.dli_fname;
  return path.substr(0, path.rfind('/') + 1);
}

}  // namespace

void* findPluginFunction(const char* plugin, const char* name) {
  // The loader counts its files: a second call returns the same one.
  void* file = dlopen((findFolder() + plugin).c_str(), RTLD_NOW | RTLD_LOCAL);
  void* function = file == nullptr ? nullptr : dlsym(file, name);
  if (function != nullptr) return function;
  const char* reason = dlerror();
  throw std::runtime_error(std::string("a library for cameras cannot be loaded: ") +
                           (reason == nullptr ? plugin : reason));
}

}  // namespace lintel
