// One source of frames: a thread that reads it, a thread that watches the reading, and the slot with the newest frame.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "frame.h"
#include "source.h"

namespace lintel {

enum class CaptureStatus { opening, running, ended, failed, closed };

struct CaptureState {
  CaptureStatus status = CaptureStatus::opening;
  std::string error;
  int64_t frameNumber = 0;
  int64_t dropped = 0;
  int widthPx = 0;
  int heightPx = 0;
  double fps = 0;
};

/// Safe to use from every thread. Both its threads hold it, so it outlives a reader that is stuck in a library.
class Capture : public std::enable_shared_from_this<Capture> {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param onChange called on a thread of the capture after a new frame or status; must not block
  Capture(SourceOptions options, std::function<void()> onChange);

  /// Starts the threads. @throws std::system_error
  void start();
  CaptureState state() const;
  /// The newest frame if its number is greater than `after`; a frame so taken is not counted as dropped.
  std::shared_ptr<const Frame> take(int64_t after);
  /// Stops reading. `done` is called when the reader has been joined, or has overstayed its time-out and is left to
  /// itself: on a thread of the capture, or at once where there is none any more.
  void close(std::function<void()> done);
  /// Whether the threads have ended by then.
  bool endedBy(Clock::time_point time);
  /// Fails without having been started.
  void refuse(const std::string& error);
  /// Closed, but its reader is still stuck in a library, with the same source as these options open.
  bool blocks(const SourceOptions& options) const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  // On the reading thread:
  void read();
  void readSource();
  bool readFrames(cv::VideoCapture& video);
  bool waitForTurn();
  void publish(std::shared_ptr<Frame> frame);

  // On the watching thread:
  void watch();
  void callClosers(Lock& lock);

  /// From now on a frame (or the opening) is overdue after so long, unless that was already said.
  void expect(int timeoutMs, const char* words);
  /// Nothing is overdue while the reader waits on purpose.
  void expectNothing();
  void finish(CaptureStatus status, const std::string& error);
  bool stopping() const;

  const SourceOptions options_;
  const std::function<void()> onChange_;
  const std::shared_ptr<FramePool> pool_;

  mutable std::mutex mutex_;
  std::condition_variable readerWakes_;
  std::condition_variable watcherWakes_;
  CaptureState state_;
  std::shared_ptr<const Frame> newest_;
  bool taken_ = false;
  bool stopping_ = false;
  bool readerDone_ = false;
  bool watcherDone_ = false;
  bool abandoned_ = false;
  /// When the frame that is awaited is overdue, and what is then said; and for when the watcher has set its alarm.
  std::optional<Clock::time_point> overdueAt_;
  std::string overdueWords_;
  Clock::time_point alarm_ = Clock::time_point::min();
  Clock::time_point abandonAt_;
  std::vector<std::function<void()>> closers_;
  /// Of the reading thread alone: when the next frame of a file is due.
  Clock::time_point due_;
};

}  // namespace lintel
