// Memory of the C library's allocator: how much freed memory it keeps, and when it returns that to the kernel.
#include "memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace lintel {
namespace {

/// Returns the freed memory on a thread of libuv's pool, because that takes 20 ms for 100 MB.
class Trim : public Napi::AsyncWorker {
 public:
  explicit Trim(Napi::Env env) : AsyncWorker(env), deferred(env) {}
  Napi::Promise promise() { return deferred.Promise(); }

 protected:
  void Execute() override {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
  }
  void OnOK() override { deferred.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred;
};

/// Bytes of a terabyte.
constexpr int64_t kMoreThanAnyHeap = int64_t{1} << 40;

/// A mapping of the process, as /proc/self/smaps lists it.
struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool isReadOnlyFile = false;
};

/// Reads the first line of a mapping, such as `7f00-7f10 r-xp 00000000 08:01 1234 /usr/bin/node`.
bool readHead(const std::string& line, Mapping& mapping) {
  unsigned long begin = 0;
  unsigned long end = 0;
  unsigned long inode = 0;
  char permissions[5] = "";
  if (std::sscanf(line.c_str(), "%lx-%lx %4s %*s %*s %lu", &begin, &end, permissions, &inode) != 4) return false;
  mapping = {begin, end, permissions[0] == 'r' && permissions[1] == '-' && permissions[3] == 'p' && inode != 0};
  return true;
}

}  // namespace

void limitFreedMemory() {
#ifdef __GLIBC__
  // onnxruntime allocates and frees the tensors between the layers in each run. Blocks that are mapped one by one (by default those of 128 kB
  // and more) cost three times the processor time, because the kernel clears their pages each time. So an arena holds all blocks that fit
  // into one. It keeps up to 32 MB at its end, which a run of the detector at 640 x 480 frees and needs again: with 8 MB the run takes 25 ms,
  // with 32 MB 14 (AMD EPYC, November 2026). trimMemory returns the rest.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  // Each arena keeps what its thread has freed. The vision workers have theirs before this addon is loaded; the threads that follow (captures,
  // the pool of libuv) share those that are there, in place of eight for each core: 11 MB less at a door with one camera, for the same time.
  // A smaller limit of whoever started the process stays.
  if (std::getenv("MALLOC_ARENA_MAX") == nullptr) mallopt(M_ARENA_MAX, 4);
#endif
}

Napi::Value collectGarbage(const Napi::CallbackInfo& info) {
  // V8 collects all garbage when it hears of more external memory than a heap may have, and leaves no room for new objects then.
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), kMoreThanAnyHeap);
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -kMoreThanAnyHeap);
  return info.Env().Undefined();
}

Napi::Value dropProgramPages(const Napi::CallbackInfo& info) {
  double bytes = 0;
  std::ifstream smaps("/proc/self/smaps");
  Mapping mapping;
  for (std::string line; std::getline(smaps, line);) {
    if (readHead(line, mapping) || !mapping.isReadOnlyFile) continue;
    // Only where no page differs from the file: a debugger may have changed one, and the loader has changed those that it relocated.
    unsigned long anonymousKb = 0;
    if (std::sscanf(line.c_str(), "Anonymous: %lu kB", &anonymousKb) != 1) continue;
    if (anonymousKb > 0) continue;
    const std::size_t length = mapping.end - mapping.begin;
    if (madvise(reinterpret_cast<void*>(mapping.begin), length, MADV_DONTNEED) == 0) bytes += static_cast<double>(length);
  }
  return Napi::Number::New(info.Env(), bytes);
}

Napi::Value trimMemory(const Napi::CallbackInfo& info) {
  auto* trim = new Trim(info.Env());
  const Napi::Promise promise = trim->promise();
  trim->Queue();
  return promise;
}

}  // namespace lintel
