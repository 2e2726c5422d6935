// Finds the border of a sheet or a screen around a face: four long straight edges that enclose it.
#include "border.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace lintel {
namespace {

constexpr int N = kBorderViewPx;
constexpr double kMiddle = (N - 1) / 2.0;
/// Longer side of the face's box, in pixels of the view, whose side is 3.6 times as long.
constexpr double kFace = N / 3.6;
/// Least difference of the grey levels at both sides of an edge, over two pixels.
constexpr int kMinStep = 9;
/// An edge may be turned against its side by this much: a ratio of pixels across to pixels along.
constexpr double kMaxSlope = 0.2;
constexpr int kSlopes = 17;
/// Distance of a side from the middle of the face, in multiples of the longer side of its box.
constexpr double kNearestSide = 0.46;
constexpr double kNearestEnd = 0.58;
constexpr double kFarthest = 1.72;
/// Lines that are kept for each side.
constexpr size_t kKept = 4;
/// Lines whose middles are closer than this, in pixels, are one line.
constexpr double kApart = 3;
/// Least coverage of the weakest side for which the lines are made exact; a smaller one gives no border.
constexpr double kWorthRefining = 0.25;
/// Least share of the part beside the face that must be an edge.
constexpr double kMinSupport = 0.4;

/// A nearly vertical or nearly horizontal line: the place across it is `at` at the middle of the view, and changes by
/// `slope` per pixel.
struct Line {
  double at = 0, slope = 0;
};

/// Left, right, top, bottom.
using Sides = std::array<Line, 4>;
using Edges = std::vector<uint8_t>;

/// Edges of a view: nearly vertical ones, and nearly horizontal ones, transposed.
struct View {
  Edges upright = Edges(kBorderViewPixels), level = Edges(kBorderViewPixels);
};

double round(double value) { return std::floor(value + 0.5); }

/// Marks the pixels whose grey level changes across.
void markEdges(const uint8_t* grey, const uint8_t* inside, View& view) {
  for (int y = 2; y < N - 2; y++) {
    for (int x = 2; x < N - 2; x++) {
      const int i = y * N + x;
      const int across = std::abs(grey[i + 1] - grey[i - 1]);
      const int down = std::abs(grey[i + N] - grey[i - N]);
      if (across < kMinStep && down < kMinStep) continue;
      // The edge of the picture itself is no edge.
      if ((inside[i - 2 * N] & inside[i + 2 * N] & inside[i - 2] & inside[i + 2]) == 0) continue;
      // Twice as steep as it may be wide, so that noise and corners do not count.
      if (across > 2 * down) {
        view.upright[i] = 1;
      } else if (down > 2 * across) {
        view.level[x * N + y] = 1;
      }
    }
  }
}

/// Marks both neighbours of each edge across it as well: a line need not be exact to a pixel.
void widen(Edges& edges) {
  uint8_t previous = 0;
  for (size_t i = 1; i + 1 < edges.size(); i++) {
    const uint8_t here = edges[i];
    edges[i] = previous | here | edges[i + 1];
    previous = here;
  }
}

/// Finds the best lines on one side: `edges` has a row for each pixel along the line.
/// @param from, to in multiples of the face
std::vector<Line> findLines(const Edges& edges, double from, double to) {
  struct Supported : Line {
    int support = 0;
  };
  const int first = std::max(2, static_cast<int>(round(kMiddle + from * kFace)));
  const int last = std::min(N - 3, static_cast<int>(round(kMiddle + to * kFace)));
  const int half = static_cast<int>(round(0.6 * kFace));
  const double least = kMinSupport * (2 * half + 1);
  std::array<uint8_t, N> hits{};
  std::vector<Supported> found;
  for (int k = 0; k < kSlopes; k++) {
    const double slope = kMaxSlope * ((2.0 * k) / (kSlopes - 1) - 1);
    hits.fill(0);
    for (int along = -half; along <= half; along++) {
      const int shift = static_cast<int>(round(slope * along));
      const uint8_t* const row = edges.data() + static_cast<int>(round(kMiddle + along)) * N + shift;
      const int begin = std::max(first, 1 - shift);
      const int end = std::min(last, N - 2 - shift);
      for (int at = begin; at <= end; at++) hits[at - first] += row[at];
    }
    for (int at = first; at <= last; at++) {
      const int support = hits[at - first];
      if (support >= least) found.push_back({{static_cast<double>(at), slope}, support});
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.support > b.support; });
  std::vector<Line> kept;
  for (const Line& line : found) {
    const auto isApart = [&](const Line& other) { return std::abs(other.at - line.at) >= kApart; };
    if (std::all_of(kept.begin(), kept.end(), isApart)) kept.push_back(line);
    if (kept.size() == kKept) break;
  }
  return kept;
}

/// Returns where a nearly vertical and a nearly horizontal line meet.
BorderPoint cross(const Line& vertical, const Line& horizontal) {
  // x = at + slope (y - kMiddle), y = at' + slope' (x - kMiddle)
  const double dy = (horizontal.at - kMiddle + horizontal.slope * (vertical.at - kMiddle)) /
                    (1 - vertical.slope * horizontal.slope);
  return {vertical.at + vertical.slope * dy, kMiddle + dy};
}

/// Returns the share of a line between two places along it that is an edge.
double cover(const Edges& edges, const Line& line, double from, double to) {
  const int start = static_cast<int>(std::max(3.0, round(from)));
  const int end = static_cast<int>(std::min(N - 4.0, round(to)));
  if (end - start < kFace) return 0;
  int hits = 0;
  double column = line.at + line.slope * (start - kMiddle) + 0.5;
  for (int row = start * N; row <= end * N; row += N, column += line.slope) {
    if (column >= 1 && column < N - 1) hits += edges[row + static_cast<int>(column)];
  }
  // Parts of the side beyond the view count as no edge.
  return hits / (round(to) - round(from) + 1);
}

FoundBorder measure(const View& view, const Sides& sides) {
  const auto& [l, r, t, b] = sides;
  const BorderPoint ul = cross(l, t), ur = cross(r, t), ll = cross(l, b), lr = cross(r, b);
  return {{cover(view.upright, l, ul.y, ll.y), cover(view.upright, r, ur.y, lr.y), cover(view.level, t, ul.x, ur.x),
           cover(view.level, b, ll.x, lr.x)},
          {ul, ur, ll, lr}};
}

double findWeakest(const FoundBorder& border) {
  return *std::min_element(border.coverage.begin(), border.coverage.end());
}

double rate(const FoundBorder& border) {
  const auto& [l, r, t, b] = border.coverage;
  return findWeakest(border) + (l + r + t + b) / 8;
}

/// Moves each line a little where that makes it cover more of its side: they were found by the part beside the face
/// alone.
Sides refine(const View& view, const Sides& sides) {
  Sides best = sides;
  double bestScore = rate(measure(view, best));
  for (int round = 0; round < 2; round++) {
    for (size_t side = 0; side < best.size(); side++) {
      const Line line = best[side];
      for (int k = -3; k <= 3; k++) {
        for (double shift = -1.5; shift <= 1.5; shift += 0.75) {
          Sides tried = best;
          tried[side] = {line.at + shift, line.slope + k * 0.015};
          const double score = rate(measure(view, tried));
          if (score > bestScore) best = tried, bestScore = score;
        }
      }
    }
  }
  return best;
}

}  // namespace

std::optional<FoundBorder> findBorder(const uint8_t* grey, const uint8_t* inside) {
  View view;
  markEdges(grey, inside, view);
  widen(view.upright);
  widen(view.level);
  const std::vector<Line> left = findLines(view.upright, -kFarthest, -kNearestSide);
  const std::vector<Line> right = findLines(view.upright, kNearestSide, kFarthest);
  const std::vector<Line> top = findLines(view.level, -kFarthest, -kNearestEnd);
  const std::vector<Line> bottom = findLines(view.level, kNearestEnd, kFarthest);
  std::optional<Sides> best;
  double bestScore = 0;
  for (const Line& l : left) {
    for (const Line& r : right) {
      for (const Line& t : top) {
        for (const Line& b : bottom) {
          const Sides sides{l, r, t, b};
          const double score = rate(measure(view, sides));
          if (score > bestScore) best = sides, bestScore = score;
        }
      }
    }
  }
  if (!best || findWeakest(measure(view, *best)) < kWorthRefining) return std::nullopt;
  return measure(view, refine(view, *best));
}

}  // namespace lintel
