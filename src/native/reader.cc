// Chooses the reader of a source, and loads its library.
#include "reader.h"

#include <stdlib.h>
#include <unistd.h>

#include <mutex>
#include <stdexcept>
#include <utility>

#include "plugin-devices.h"
#include "plugin-streams.h"
#include "plugin.h"

namespace lintel {
namespace {

/// Stands for a reader whose library cannot be loaded: the source does not open, and the error says why.
class MissingReader : public Reader {
 public:
  explicit MissingReader(std::string problem) : problem_(std::move(problem)) {}

  std::string open() override { return problem_; }
  Grab grab() override { return Grab::end; }
  bool retrieve(Frame&) override { return false; }
  StreamFormat format() const override { return {}; }
  std::string describeLoss() const override { return problem_; }

 private:
  const std::string problem_;
};

bool isDevice(const SourceOptions& options) {
  return options.type == SourceOptions::Type::device || options.type == SourceOptions::Type::gstreamer;
}

const char* findMaker(const SourceOptions& options) {
  return isDevice(options) ? "lintelMakeDeviceReader" : "lintelMakeStreamReader";
}

Reader* make(const SourceOptions& options, const std::atomic<bool>& isStopped) {
  const char* name = findMaker(options);
  if (isDevice(options)) return findIn<decltype(lintelMakeDeviceReader)>(kDevicesPlugin, name)(options);
  return findIn<decltype(lintelMakeStreamReader)>(kStreamsPlugin, name)(options, isStopped);
}

/// Makes exit() end the process before the libraries destroy what they hold: captures are still reading, since process.exit
/// does not wait for them. One process of 15 crashed that ended while a pipeline was opened (GStreamer 1.22, November 2026).
void exitWithoutDestructors() {
#ifdef __GLIBC__
  // The handler that was registered last is called first.
  on_exit([](int status, void*) { _exit(status); }, nullptr);
#endif
}

}  // namespace

void loadReaderLibrary(const SourceOptions& options) {
  static std::once_flag devices;
  static std::once_flag streams;
  try {
    findPluginFunction(isDevice(options) ? kDevicesPlugin : kStreamsPlugin, findMaker(options));
    std::call_once(isDevice(options) ? devices : streams, exitWithoutDestructors);
  } catch (const std::runtime_error&) {
    // makeReader reports it.
  }
}

std::unique_ptr<Reader> makeReader(const SourceOptions& options, const std::atomic<bool>& isStopped) {
  try {
    return std::unique_ptr<Reader>(make(options, isStopped));
  } catch (const std::runtime_error& error) {
    return std::make_unique<MissingReader>(error.what());
  }
}

}  // namespace lintel
