// Finds the border of a sheet or a screen around a face: four long straight edges that enclose it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace lintel {

/// Side of the square grey picture in which the border is searched; the face's box is in its middle, upright.
constexpr int kBorderViewPx = 160;
constexpr size_t kBorderViewPixels = static_cast<size_t>(kBorderViewPx) * kBorderViewPx;

struct BorderPoint {
  double x = 0, y = 0;
};

/// Four straight edges around a face.
struct FoundBorder {
  /// Share of each side, from corner to corner, that is an edge, 0..1: left, right, top, bottom.
  std::array<double, 4> coverage{};
  /// Corners in pixels of the view: upper left, upper right, lower left, lower right.
  std::array<BorderPoint, 4> corners{};
};

/// Finds the four lines that are edges over most of their length and enclose the face. It judges one picture: a window
/// or a door behind a person looks the same, and only movement tells them from a sheet.
/// @param grey, inside kBorderViewPixels values: grey levels, and 1 for each pixel that is inside the picture
/// @returns nothing where no four lines enclose the face
std::optional<FoundBorder> findBorder(const uint8_t* grey, const uint8_t* inside);

}  // namespace lintel
