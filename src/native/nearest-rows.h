// The scan of int8 copies of vectors for the rows that are nearest to a probe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lintel {

/// Rows of vectors with their copies. The true inner product of a row and the probe is at most `error` away from scale * (product of the copies).
struct CopiedRows {
  const std::int8_t* copies = nullptr;
  const float* vectors = nullptr;
  std::size_t count = 0;
  double scale = 0;
  double error = 0;
};

/// A probe of `dimensions` values, as it is and as the copies are multiplied with it.
struct CopiedProbe {
  const std::int16_t* copy = nullptr;
  const float* vector = nullptr;
  std::size_t dimensions = 0;
};

/// Rows, numbered through all blocks, in ascending order, with their inner products in float64, clamped to -1..1.
struct NearestRows {
  std::vector<std::uint32_t> rows;
  std::vector<double> cosines;
};

/// Finds every row whose cosine is at least `minCosine`, and at least the `wanted`-th greatest one of all rows.
NearestRows findNearestRows(
    const std::vector<CopiedRows>& blocks, const CopiedProbe& probe, std::size_t wanted, double minCosine);

}  // namespace lintel
