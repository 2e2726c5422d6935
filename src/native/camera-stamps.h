// The time stamps that a camera adds to its pictures, and whether they can be believed.
#pragma once

#include <chrono>
#include <optional>

namespace lintel {

/// Believes time stamps after they have gone on as fast as the time for two seconds, and until they once do not go on.
class CameraStamps {
 public:
  using Clock = std::chrono::steady_clock;

  /// Call it for each picture. @param timestampMs absent where the picture has none
  void observe(std::optional<double> timestampMs, Clock::time_point arrived);
  /// Returns the time stamp of the newest picture in milliseconds; 0 while they are not believed.
  double timestampMs() const { return areLive_ ? latestMs_ : 0; }

 private:
  bool isRefuted_ = false;
  bool areLive_ = false;
  std::optional<Clock::time_point> since_;
  double firstMs_ = 0;
  double latestMs_ = 0;
};

}  // namespace lintel
