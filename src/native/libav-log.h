// Listens to what FFmpeg's libraries log: losses and missing references are reported in no other way.
#pragma once

#include <string>

namespace lintel {

/// Takes the messages of FFmpeg away from the console. Must be called before FFmpeg is used; another call is harmless.
void listenToLibav();

/// While it lives, it collects the messages that FFmpeg logs on this thread. One that is made later on the thread hears
/// them in its place, and must end earlier.
class LibavListener {
 public:
  /// @param decoder context of the decoder whose errors count; null where no decoder works
  explicit LibavListener(const void* decoder);
  ~LibavListener();
  LibavListener(const LibavListener&) = delete;
  LibavListener& operator=(const LibavListener&) = delete;

  /// True where the decoder reported damage of a picture, or a reference that is missing.
  bool hasDamage() const { return hasDamage_; }
  /// True where packets were lost on the way.
  bool hasLoss() const { return hasLoss_; }
  /// True where the name of the host is unknown.
  bool isHostUnknown() const { return isHostUnknown_; }
  /// Status of the last answer over HTTP that was an error; 0 where none was.
  int httpStatus() const { return httpStatus_; }
  /// Value of the header Location of the last answer over HTTP that had one; empty where none had.
  const std::string& location() const { return location_; }
  /// First message that reported damage or a loss.
  const std::string& message() const { return message_; }

  /// Called by the libraries.
  void hear(const void* context, int level, const char* format, const std::string& text);
  bool isInteresting(const void* context, int level, const char* format) const;

 private:
  LibavListener* const previous_;
  const void* const decoder_;
  bool hasDamage_ = false;
  bool hasLoss_ = false;
  bool isHostUnknown_ = false;
  int httpStatus_ = 0;
  std::string location_;
  std::string message_;
};

}  // namespace lintel
