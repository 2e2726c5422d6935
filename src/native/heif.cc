// A decoder for HEIC pictures, based on the libheif of the platform. The library is loaded when the first picture comes, so that
// nothing else needs it, and so that it can be built without its headers: what is declared here is libheif's stable C interface.
#include "heif.h"

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "arguments.h"

namespace lintel {
namespace {

struct Context;
struct Handle;
struct DecodedImage;

/// libheif returns this struct by value.
struct Error {
  int code;
  int subcode;
  const char* message;
};

constexpr int kOk = 0;
/// The code and the subcode for a codec that no plugin of libheif decodes.
constexpr int kUnsupportedFeature = 4;
constexpr int kUnsupportedCodec = 3000;
constexpr int kColourspaceRgb = 1;
constexpr int kChromaRgb = 10;
constexpr int kChromaRgba = 11;
constexpr int kInterleaved = 10;
/// A second limit, beside the one on the primary picture: libheif refuses any picture in the file with more than its square.
constexpr int kLargestSidePx = 8'192;
/// A colour profile has some kilobytes.
constexpr size_t kLargestProfile = 4'000'000;

struct Library {
  Context* (*allocate)();
  void (*freeContext)(Context*);
  void (*setSizeLimit)(Context*, int);
  Error (*read)(Context*, const void*, size_t, const void*);
  Error (*getPrimary)(Context*, Handle**);
  int (*getHandleWidth)(const Handle*);
  int (*getHandleHeight)(const Handle*);
  int (*hasAlpha)(const Handle*);
  size_t (*getProfileSize)(const Handle*);
  Error (*getProfile)(const Handle*, void*);
  Error (*decode)(const Handle*, DecodedImage**, int, int, const void*);
  int (*getWidth)(const DecodedImage*, int);
  int (*getHeight)(const DecodedImage*, int);
  const uint8_t* (*getPlane)(const DecodedImage*, int, int*);
  void (*releaseHandle)(const Handle*);
  void (*releaseImage)(const DecodedImage*);
};

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw std::runtime_error(std::string("libheif is too old: it has no ") + name);
}

/// Loads the library once; it stays loaded. @throws std::runtime_error
const Library& load() {
  static const Library library = [] {
    void* file = dlopen("libheif.so.1", RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) {
      throw std::runtime_error("the library that reads HEIC pictures is not installed (Debian, Ubuntu: apt install libheif1)");
    }
    Library found{};
    find(file, "heif_context_alloc", found.allocate);
    find(file, "heif_context_free", found.freeContext);
    find(file, "heif_context_set_maximum_image_size_limit", found.setSizeLimit);
    find(file, "heif_context_read_from_memory_without_copy", found.read);
    find(file, "heif_context_get_primary_image_handle", found.getPrimary);
    find(file, "heif_image_handle_get_width", found.getHandleWidth);
    find(file, "heif_image_handle_get_height", found.getHandleHeight);
    find(file, "heif_image_handle_has_alpha_channel", found.hasAlpha);
    find(file, "heif_image_handle_get_raw_color_profile_size", found.getProfileSize);
    find(file, "heif_image_handle_get_raw_color_profile", found.getProfile);
    find(file, "heif_decode_image", found.decode);
    find(file, "heif_image_get_width", found.getWidth);
    find(file, "heif_image_get_height", found.getHeight);
    find(file, "heif_image_get_plane_readonly", found.getPlane);
    find(file, "heif_image_handle_release", found.releaseHandle);
    find(file, "heif_image_release", found.releaseImage);
    return found;
  }();
  return library;
}

/// @throws std::runtime_error for any error
void check(const Error& error) {
  if (error.code == kOk) return;
  if (error.code == kUnsupportedFeature && error.subcode == kUnsupportedCodec) {
    throw std::runtime_error(
        "the library that reads HEIC pictures has no decoder for this one (Debian, Ubuntu: apt install libheif-plugin-libde265)");
  }
  throw std::runtime_error(std::string("libheif: ") + (error.message == nullptr ? "unknown error" : error.message));
}

/// An object of libheif, with the function that frees it.
template <typename Type>
using Owned = std::unique_ptr<Type, void (*)(Type*)>;

/// Returns the colour profile (ICC) of a picture; undefined where it has none.
Napi::Value readProfile(Napi::Env env, const Library& library, const Handle* handle) {
  const size_t length = library.getProfileSize(handle);
  if (length == 0 || length > kLargestProfile) return env.Undefined();
  Napi::Uint8Array profile = Napi::Uint8Array::New(env, length);
  return library.getProfile(handle, profile.Data()).code == kOk ? Napi::Value(profile) : env.Undefined();
}

}  // namespace

Napi::Value decodeHeif(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(env, "bytes must be a Uint8Array");
  }
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const double maxPixels = numberArgument(info, 1, "maxPixels");
  const Library& library = load();

  const Owned<Context> context(library.allocate(), library.freeContext);
  if (!context) throw std::runtime_error("libheif: out of memory");
  library.setSizeLimit(context.get(), kLargestSidePx);
  check(library.read(context.get(), bytes.Data(), bytes.ByteLength(), nullptr));

  Handle* foundHandle = nullptr;
  check(library.getPrimary(context.get(), &foundHandle));
  const Owned<const Handle> handle(foundHandle, library.releaseHandle);
  const double pixels = static_cast<double>(library.getHandleWidth(handle.get())) * library.getHandleHeight(handle.get());
  if (pixels > maxPixels) throw std::runtime_error("the picture exceeds the pixel limit");

  const bool hasAlpha = library.hasAlpha(handle.get()) != 0;
  const int channels = hasAlpha ? 4 : 3;
  DecodedImage* foundImage = nullptr;
  // Without options, the rotation, the mirroring and the crop of the file are applied.
  check(library.decode(handle.get(), &foundImage, kColourspaceRgb, hasAlpha ? kChromaRgba : kChromaRgb, nullptr));
  const Owned<const DecodedImage> image(foundImage, library.releaseImage);

  const int widthPx = library.getWidth(image.get(), kInterleaved);
  const int heightPx = library.getHeight(image.get(), kInterleaved);
  int stride = 0;
  const uint8_t* plane = library.getPlane(image.get(), kInterleaved, &stride);
  const size_t rowBytes = static_cast<size_t>(widthPx) * channels;
  if (plane == nullptr || widthPx <= 0 || heightPx <= 0 || stride < 0 || static_cast<size_t>(stride) < rowBytes ||
      static_cast<double>(widthPx) * heightPx > maxPixels) {
    throw std::runtime_error("libheif: the picture has no pixels");
  }
  Napi::Uint8Array data = Napi::Uint8Array::New(env, rowBytes * heightPx);
  for (int row = 0; row < heightPx; row++) {
    std::memcpy(data.Data() + row * rowBytes, plane + static_cast<size_t>(row) * stride, rowBytes);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", data);
  result.Set("widthPx", widthPx);
  result.Set("heightPx", heightPx);
  result.Set("channels", channels);
  result.Set("profile", readProfile(env, library, handle.get()));
  return result;
}

}  // namespace lintel
