// Where pictures come from: the options of a source, and checks of its path.
#include "source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace lintel {

std::string findPathProblem(const SourceOptions& options) {
  const bool isDevice = options.type == SourceOptions::Type::device;
  const char* path = options.target.c_str();
  const std::string name = isDevice ? "the device" : "the file";
  struct stat status {};
  if (stat(path, &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return name + " does not exist";
    return name + " cannot be reached: " + std::generic_category().message(errno);
  }
  if (isDevice && !S_ISCHR(status.st_mode)) return "the path is not a device";
  if (!isDevice && S_ISDIR(status.st_mode)) return "the path is a folder, not a file";
  if (access(path, isDevice ? R_OK | W_OK : R_OK) != 0) return name + " may not be opened: permission denied";
  if (!isDevice && S_ISREG(status.st_mode) && status.st_size == 0) return "the file is empty";
  return {};
}

}  // namespace lintel
