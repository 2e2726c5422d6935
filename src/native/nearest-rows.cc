// The scan of int8 copies of vectors for the rows that are nearest to a probe.
#include "nearest-rows.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace lintel {
namespace {

/// Rows whose products are computed together, before they are compared with the floor: 2 kB of products stay in the nearest cache.
constexpr std::size_t kChunk = 512;
/// Candidates that are kept at least, before the floor is raised.
constexpr std::size_t kFewCandidates = 1'024;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Multiplies rows of int8 with a probe. The compiler makes vector instructions of the inner loop, as the flags of the caller allow.
[[gnu::always_inline]] inline void multiply(
    const std::int8_t* rows, std::size_t count, const std::int16_t* probe, std::size_t dimensions, std::int32_t* products) {
  for (std::size_t row = 0; row < count; row++) {
    const std::int8_t* values = rows + row * dimensions;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < dimensions; i++) sum += std::int32_t{values[i]} * probe[i];
    products[row] = sum;
  }
}

/// Asks the processor for a vector that is multiplied soon: it lies somewhere in megabytes of others.
[[gnu::always_inline]] inline void prefetch(const float* vector, std::size_t dimensions) {
  constexpr std::size_t line = 64 / sizeof(float);
  for (std::size_t i = 0; i < dimensions; i += line) __builtin_prefetch(vector + i);
}

/// Clamps the sum of four sums that were added side by side, as src/gallery/inner-product.ts does: bit for bit the same.
[[gnu::always_inline]] inline double join(const double* sums) {
  return std::max(-1.0, std::min(1.0, sums[0] + sums[1] + (sums[2] + sums[3])));
}

/// Multiplies vectors with a probe in float64. Two vectors at a time, since the additions of one wait for each other.
[[gnu::always_inline]] inline void multiplyExactly(
    const std::vector<const float*>& vectors, const float* probe, std::size_t dimensions, double* cosines) {
  constexpr std::size_t ahead = 6;
  const std::size_t whole = dimensions - dimensions % 4;
  for (std::size_t at = 0; at < vectors.size(); at += 2) {
    for (std::size_t next = at + ahead; next < std::min(at + ahead + 2, vectors.size()); next++) prefetch(vectors[next], dimensions);
    const std::size_t second = std::min(at + 1, vectors.size() - 1);
    const float* a = vectors[at];
    const float* b = vectors[second];
    double sums[4] = {0, 0, 0, 0};
    double others[4] = {0, 0, 0, 0};
    for (std::size_t i = 0; i < whole; i += 4) {
      for (std::size_t j = 0; j < 4; j++) sums[j] += double{a[i + j]} * double{probe[i + j]};
      for (std::size_t j = 0; j < 4; j++) others[j] += double{b[i + j]} * double{probe[i + j]};
    }
    for (std::size_t i = whole; i < dimensions; i++) {
      sums[0] += double{a[i]} * double{probe[i]};
      others[0] += double{b[i]} * double{probe[i]};
    }
    cosines[at] = join(sums);
    cosines[second] = join(others);
  }
}

using Multiply = void (*)(const std::int8_t*, std::size_t, const std::int16_t*, std::size_t, std::int32_t*);
using MultiplyExactly = void (*)(const std::vector<const float*>&, const float*, std::size_t, double*);

void multiplyPlain(const std::int8_t* rows, std::size_t count, const std::int16_t* probe, std::size_t dimensions, std::int32_t* products) {
  multiply(rows, count, probe, dimensions, products);
}

void multiplyExactlyPlain(
    const std::vector<const float*>& vectors, const float* probe, std::size_t dimensions, double* cosines) {
  multiplyExactly(vectors, probe, dimensions, cosines);
}

#ifdef __x86_64__
// AVX2 takes 16 values at a time, into which 128, 144 and 528 dimensions divide; AVX-512 takes 32, and was a half slower with 144.
[[gnu::target("avx2")]] void multiplyAvx2(
    const std::int8_t* rows, std::size_t count, const std::int16_t* probe, std::size_t dimensions, std::int32_t* products) {
  multiply(rows, count, probe, dimensions, products);
}

[[gnu::target("avx2")]] void multiplyExactlyAvx2(
    const std::vector<const float*>& vectors, const float* probe, std::size_t dimensions, double* cosines) {
  multiplyExactly(vectors, probe, dimensions, cosines);
}

bool hasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}
#else
constexpr Multiply multiplyAvx2 = multiplyPlain;
constexpr MultiplyExactly multiplyExactlyAvx2 = multiplyExactlyPlain;
constexpr bool hasAvx2() { return false; }
#endif

/// A row that the bound has not excluded yet. Its inner product is between `low` and `high`.
struct Candidate {
  std::uint32_t row;
  double low;
  double high;
};

class Search {
 public:
  Search(const CopiedProbe& probe, std::size_t wanted, double minCosine)
      : probe(probe), wanted(wanted), floor(minCosine), capacity(std::max(2 * wanted, kFewCandidates)) {}

  void scan(const CopiedRows& block, std::size_t firstRow) {
    const Multiply multiplyRows = hasAvx2() ? multiplyAvx2 : multiplyPlain;
    std::int32_t products[kChunk];
    std::int64_t least = findLeast(block);
    for (std::size_t at = 0; at < block.count; at += kChunk) {
      const std::size_t count = std::min(kChunk, block.count - at);
      multiplyRows(block.copies + at * probe.dimensions, count, probe.copy, probe.dimensions, products);
      for (std::size_t i = 0; i < count; i++) {
        if (products[i] < least) continue;
        const double estimate = block.scale * products[i];
        const auto row = static_cast<std::uint32_t>(firstRow + at + i);
        // A product that overflowed proves nothing.
        const bool isKnown = std::isfinite(estimate);
        candidates.push_back({row, isKnown ? estimate - block.error : -kInfinity, isKnown ? estimate + block.error : kInfinity});
      }
      if (candidates.size() < capacity) continue;
      raiseFloor();
      least = findLeast(block);
    }
  }

  NearestRows rank(const std::vector<CopiedRows>& blocks) {
    raiseFloor();
    std::vector<const float*> vectors;
    vectors.reserve(candidates.size());
    std::size_t firstRow = 0;
    auto block = blocks.begin();
    for (const Candidate& candidate : candidates) {
      while (candidate.row >= firstRow + block->count) firstRow += (block++)->count;
      vectors.push_back(block->vectors + (candidate.row - firstRow) * probe.dimensions);
    }
    std::vector<double> cosines(candidates.size());
    const MultiplyExactly multiplyVectors = hasAvx2() ? multiplyExactlyAvx2 : multiplyExactlyPlain;
    multiplyVectors(vectors, probe.vector, probe.dimensions, cosines.data());
    const double last = std::max(findLast(cosines), floor);
    NearestRows nearest;
    for (std::size_t i = 0; i < cosines.size(); i++) {
      if (cosines[i] < last) continue;
      nearest.rows.push_back(candidates[i].row);
      nearest.cosines.push_back(cosines[i]);
    }
    return nearest;
  }

 private:
  /// Returns the least product with which a row of the block may reach the floor.
  std::int64_t findLeast(const CopiedRows& block) const {
    constexpr std::int64_t any = std::numeric_limits<std::int64_t>::min();
    // Cosines end at -1: a row whose inner product is below -1 is no worse than one of -1.
    if (!(floor > -1)) return any;
    const double least = (floor - block.error) / block.scale;
    // All rows are zeros, or a quotient overflowed.
    if (!std::isfinite(least)) return any;
    // One less covers the rounding of the division.
    return static_cast<std::int64_t>(std::max(-4e9, std::min(4e9, std::ceil(least) - 1)));
  }

  /// Raises the floor to a cosine that as many candidates as are wanted reach, and drops those that cannot reach it.
  void raiseFloor() {
    if (candidates.size() > wanted) {
      lows.clear();
      for (const Candidate& candidate : candidates) lows.push_back(candidate.low);
      std::nth_element(lows.begin(), lows.begin() + (wanted - 1), lows.end(), std::greater<double>());
      // Cosines end at 1: of all rows above it, the order is that of the ties.
      floor = std::max(floor, std::min(1.0, lows[wanted - 1]));
      const auto isBelow = [this](const Candidate& candidate) { return candidate.high < floor && floor > -1; };
      candidates.erase(std::remove_if(candidates.begin(), candidates.end(), isBelow), candidates.end());
    }
    capacity = std::max(capacity, 2 * candidates.size());
  }

  /// Returns the `wanted`-th greatest cosine; the lowest number where there are fewer.
  double findLast(const std::vector<double>& cosines) {
    if (cosines.size() < wanted) return -kInfinity;
    lows = cosines;
    std::nth_element(lows.begin(), lows.begin() + (wanted - 1), lows.end(), std::greater<double>());
    return lows[wanted - 1];
  }

  const CopiedProbe& probe;
  const std::size_t wanted;
  /// Every row that is wanted reaches it.
  double floor;
  /// Number of candidates at which the floor is raised.
  std::size_t capacity;
  std::vector<Candidate> candidates;
  std::vector<double> lows;
};

}  // namespace

NearestRows findNearestRows(
    const std::vector<CopiedRows>& blocks, const CopiedProbe& probe, std::size_t wanted, double minCosine) {
  Search search(probe, wanted, minCosine);
  std::size_t firstRow = 0;
  for (const CopiedRows& block : blocks) {
    search.scan(block, firstRow);
    firstRow += block.count;
  }
  return search.rank(blocks);
}

}  // namespace lintel
