// The function findNearestRows for JavaScript.
#include "nearest-functions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "arguments.h"
#include "nearest-rows.h"

namespace lintel {
namespace {

constexpr int kMaxDimensions = 65'536;
constexpr int kMaxRows = std::numeric_limits<int>::max();

template <typename Array>
Array typedArray(const Napi::Value& value, napi_typedarray_type type, const std::string& name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw Napi::TypeError::New(value.Env(), name + " has the wrong type");
  }
  return value.As<Array>();
}

/// A block as JavaScript describes it: its numbers are read before the memory of any array is taken.
struct BlockArgument {
  Napi::Value copies;
  Napi::Value vectors;
  CopiedRows rows;
};

std::vector<BlockArgument> readBlocks(const Napi::Value& value) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "blocks must be an array");
  const auto list = value.As<Napi::Array>();
  std::vector<BlockArgument> blocks;
  for (std::uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value item = list.Get(i);
    if (!item.IsObject()) throw Napi::TypeError::New(value.Env(), "a block must be an object");
    const auto object = item.As<Napi::Object>();
    BlockArgument block;
    block.rows.count = static_cast<std::size_t>(integerOption(object, "count", 0, kMaxRows));
    block.rows.scale = numberOption(object, "scale");
    block.rows.error = numberOption(object, "error");
    if (block.rows.scale < 0 || block.rows.error < 0) {
      throw Napi::RangeError::New(value.Env(), "scale and error must not be negative");
    }
    block.copies = object.Get("copies");
    block.vectors = object.Get("vectors");
    blocks.push_back(block);
  }
  return blocks;
}

/// Takes the memory of a block's arrays. No code of JavaScript runs any more.
CopiedRows takeRows(const BlockArgument& block, std::size_t dimensions) {
  const auto copies = typedArray<Napi::Int8Array>(block.copies, napi_int8_array, "copies");
  const auto vectors = typedArray<Napi::Float32Array>(block.vectors, napi_float32_array, "vectors");
  const std::size_t length = block.rows.count * dimensions;
  if (copies.ElementLength() < length || vectors.ElementLength() < length) {
    throw Napi::RangeError::New(copies.Env(), "copies and vectors must hold all rows");
  }
  CopiedRows rows = block.rows;
  rows.copies = copies.Data();
  rows.vectors = vectors.Data();
  return rows;
}

/// Checks that no sum of products of the probe with a row of int8 leaves the range of int32.
void mustFit(const Napi::Int16Array& probe) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < probe.ElementLength(); i++) sum += std::abs(int{probe[i]});
  if (sum * 128 > std::numeric_limits<std::int32_t>::max()) {
    throw Napi::RangeError::New(probe.Env(), "the values of the probe are too great: a sum of products would not fit into 32 bits");
  }
}

}  // namespace

Napi::Value findNearestRowsFunction(const Napi::CallbackInfo& info) {
  const std::vector<BlockArgument> blocks = readBlocks(info[0]);
  const auto copy = typedArray<Napi::Int16Array>(info[1], napi_int16_array, "copy");
  const auto vector = typedArray<Napi::Float32Array>(info[2], napi_float32_array, "probe");
  const auto wanted = static_cast<std::size_t>(integerArgument(info, 3, "wanted", 1, kMaxRows));
  if (!info[4].IsNumber()) throw Napi::TypeError::New(info.Env(), "minCosine must be a number");
  const double minCosine = info[4].As<Napi::Number>().DoubleValue();
  if (std::isnan(minCosine)) throw Napi::RangeError::New(info.Env(), "minCosine must be a number");
  const std::size_t dimensions = copy.ElementLength();
  if (dimensions == 0 || dimensions > kMaxDimensions || vector.ElementLength() != dimensions) {
    throw Napi::RangeError::New(info.Env(), "the probe and its copy must have the same length, 1 to 65536");
  }
  mustFit(copy);
  std::vector<CopiedRows> rows;
  std::size_t count = 0;
  for (const BlockArgument& block : blocks) {
    rows.push_back(takeRows(block, dimensions));
    count += block.rows.count;
  }
  if (count > std::numeric_limits<std::uint32_t>::max()) throw Napi::RangeError::New(info.Env(), "there are too many rows");

  const NearestRows found = findNearestRows(rows, {copy.Data(), vector.Data(), dimensions}, wanted, minCosine);
  auto foundRows = Napi::Uint32Array::New(info.Env(), found.rows.size());
  auto cosines = Napi::Float64Array::New(info.Env(), found.cosines.size());
  std::copy(found.rows.begin(), found.rows.end(), foundRows.Data());
  std::copy(found.cosines.begin(), found.cosines.end(), cosines.Data());
  Napi::Object answer = Napi::Object::New(info.Env());
  answer.Set("rows", foundRows);
  answer.Set("cosines", cosines);
  return answer;
}

}  // namespace lintel
