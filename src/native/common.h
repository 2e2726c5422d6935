// The headers that most files include. They are compiled once, since they take longer to read than the files themselves.
// A guard, because this header is also compiled by itself, where #pragma once is a warning.
#ifndef LINTEL_COMMON_H
#define LINTEL_COMMON_H

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

#endif
