// The libraries of the cameras: shared objects beside the addon, which are loaded when a camera first needs them.
#pragma once

#include <string>

namespace lintel {

/// FFmpeg: streams, files and pictures over HTTP (plugin-streams.cc).
constexpr char kStreamsPlugin[] = "lintel-streams.so";
/// OpenCV's videoio and imgcodecs: devices, pipelines and PNGs (plugin-devices.cc). With Debian's packages they load some
/// 150 further libraries, which takes 100 ms of processor time and 32 MB (AMD EPYC, November 2026).
constexpr char kDevicesPlugin[] = "lintel-devices.so";

/// Finds a function of a plugin, and loads the plugin at the first call. It stays loaded. Can be called in every thread.
/// @throws std::runtime_error where the plugin or one of its libraries is missing
void* findPluginFunction(const char* plugin, const char* name);

/// Like findPluginFunction, with the type of the function.
template <typename Function>
Function* findIn(const char* plugin, const char* name) {
  return reinterpret_cast<Function*>(findPluginFunction(plugin, name));
}

}  // namespace lintel
