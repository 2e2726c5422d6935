// Decides which decoded pictures of a stream can be trusted: none that is damaged, and none that rests on one.
#pragma once

#include <cstdint>
#include <set>

namespace lintel {

/// Pictures leave a decoder in another order than their packets enter it, so packets and pictures have numbers. A
/// picture is trusted where, in the order of the output, no damage lies between it and the last whole key picture.
class StreamTrust {
 public:
  struct Picture {
    /// Number of the packet that the picture was decoded from.
    int64_t number = 0;
    /// True for a picture that needs no other one, and after which no picture needs an earlier one.
    bool isKey = false;
    /// True for a picture that was coded without others.
    bool isIntra = false;
    /// True where the decoder marks the picture as damaged.
    bool isDamaged = false;
  };

  /// Records that the demuxer marks a packet as a point of entry.
  void enterAt(int64_t number);
  /// Records damage in a packet, which may give no picture.
  void damage(int64_t number);
  /// Takes the pictures in the order of the output. @returns whether the picture can be trusted
  bool judge(const Picture& picture);
  /// Forgets everything: the next picture comes from another decoder.
  void restart();

 private:
  /// Numbers of the packets with damage that no judgement has used yet, and of the points of entry.
  std::set<int64_t> damaged_;
  std::set<int64_t> entries_;
  bool isTrusted_ = false;
  /// Number of points of entry without a key picture since the last damage.
  int recoveryPoints_ = 0;
};

}  // namespace lintel
