// The headers that most files include. They are compiled once, since they take longer to read than the files themselves.
#pragma once

#include <napi.h>

#include <opencv2/core.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>
