// Sends the datagrams of sd_notify, because Node has no unix datagram sockets.
#pragma once

#include <napi.h>

namespace lintel {

Napi::Value sdNotify(const Napi::CallbackInfo& info);

}  // namespace lintel
