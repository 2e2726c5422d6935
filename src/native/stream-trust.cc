// Decides which decoded pictures of a stream can be trusted: none that is damaged, and none that rests on one.
#include "stream-trust.h"

namespace lintel {
namespace {

/// A stream without key pictures renews its pictures bit by bit, once from each point of entry to the next.
constexpr int kRenewedAfter = 2;

}  // namespace

void StreamTrust::enterAt(int64_t number) { entries_.insert(number); }

void StreamTrust::damage(int64_t number) { damaged_.insert(number); }

void StreamTrust::restart() { *this = StreamTrust(); }

bool StreamTrust::judge(const Picture& picture) {
  // Pictures before a key picture in the output, but after it in the stream, may rest on earlier pictures. Their own
  // damage is used up here, and says nothing about those after the key picture.
  const bool isWhole = damaged_.erase(picture.number) == 0 && !picture.isDamaged;
  const auto next = damaged_.lower_bound(picture.number);
  const bool hasEarlierDamage = next != damaged_.begin();
  damaged_.erase(damaged_.begin(), next);
  const bool isEntry = entries_.count(picture.number) > 0;
  entries_.erase(entries_.begin(), entries_.upper_bound(picture.number));

  if (picture.isKey && isWhole) {
    isTrusted_ = true;
    recoveryPoints_ = 0;
  } else if (!isWhole || hasEarlierDamage) {
    isTrusted_ = false;
    recoveryPoints_ = 0;
  } else if (!isTrusted_ && (isEntry || picture.isIntra)) {
    isTrusted_ = ++recoveryPoints_ >= kRenewedAfter;
  }
  return isTrusted_ && isWhole;
}

}  // namespace lintel
