// Sends the datagrams of sd_notify, because Node has no unix datagram sockets.
#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

#include "arguments.h"

namespace lintel {
namespace {

[[noreturn]] void fail(Napi::Env env, int error) {
  throw Napi::Error::New(env, "the notify socket did not take the message: " + std::generic_category().message(error));
}

}  // namespace

Napi::Value sdNotify(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = stringArgument(info, 0, "socketPath");
  const std::string message = stringArgument(info, 1, "message");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || (path[0] != '/' && path[0] != '@')) {
    throw Napi::RangeError::New(env, "socketPath must be an absolute path, or '@' and an abstract name");
  }
  // A path ends with a NUL, which must fit as well. An abstract name begins with a NUL, and its length says where it
  // ends.
  if (path.size() >= sizeof(address.sun_path)) throw Napi::RangeError::New(env, "socketPath is too long");
  path.copy(address.sun_path, path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path[0] == '@' ? 0 : 1));

  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) fail(env, errno);
  // MSG_DONTWAIT: a receiver that has stopped reading must not stop the thread that serves the door.
  const ssize_t sent = sendto(descriptor, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&address), length);
  const int error = errno;
  close(descriptor);
  if (sent < 0) fail(env, error);
  return env.Undefined();
}

}  // namespace lintel
