// The time stamps that a camera adds to its pictures, and whether they can be believed.
#include "camera-stamps.h"

namespace lintel {
namespace {

/// Time after which the stamps are compared with the clock of this machine, and the greatest share by which they may be
/// faster or slower: pictures come in bursts, but seconds must be seconds.
constexpr double kTrialMs = 2'000;
constexpr double kTolerance = 0.25;

}  // namespace

void CameraStamps::observe(std::optional<double> timestampMs, Clock::time_point arrived) {
  if (isRefuted_) return;
  if (!timestampMs || (since_ && *timestampMs <= latestMs_)) {
    isRefuted_ = true;
    areLive_ = false;
    return;
  }
  latestMs_ = *timestampMs;
  if (!since_) {
    since_ = arrived;
    firstMs_ = latestMs_;
    return;
  }
  const double passedMs = std::chrono::duration<double, std::milli>(arrived - *since_).count();
  if (areLive_ || passedMs < kTrialMs) return;
  const double rate = (latestMs_ - firstMs_) / passedMs;
  areLive_ = rate > 1 - kTolerance && rate < 1 + kTolerance;
  isRefuted_ = !areLive_;
}

}  // namespace lintel
