// Encodes pixels as JPEG, with libjpeg.
#include "encode-jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

namespace lintel {
namespace {

struct Encoder {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jmp_buf giveUp;
  char message[JMSG_LENGTH_MAX];
  /// libjpeg's memory for the result; this owns it.
  unsigned char* out;
  unsigned long length;

  ~Encoder() {
    jpeg_destroy_compress(&jpeg);
    std::free(out);
  }
};

[[noreturn]] void leave(j_common_ptr jpeg) {
  Encoder& encoder = *static_cast<Encoder*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, encoder.message);
  longjmp(encoder.giveUp, 1);
}

void sayNothing(j_common_ptr) {}

/// Writes the JPEG. longjmp may leave this function, so it owns no resources.
bool write(Encoder& encoder, const cv::Mat& pixels, bool isRgb, int quality) {
  jpeg_compress_struct& jpeg = encoder.jpeg;
  jpeg.err = jpeg_std_error(&encoder.errors);
  jpeg.client_data = &encoder;
  encoder.errors.error_exit = leave;
  encoder.errors.output_message = sayNothing;
  if (setjmp(encoder.giveUp) != 0) return false;
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &encoder.out, &encoder.length);
  jpeg.image_width = static_cast<JDIMENSION>(pixels.cols);
  jpeg.image_height = static_cast<JDIMENSION>(pixels.rows);
  jpeg.input_components = 3;
  // JCS_EXT_BGR is an extension of libjpeg-turbo, which is the libjpeg of Debian and Ubuntu.
  jpeg.in_color_space = isRgb ? JCS_RGB : JCS_EXT_BGR;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(pixels.ptr(static_cast<int>(jpeg.next_scanline)));
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  return true;
}

}  // namespace

std::string encodeAsJpeg(const cv::Mat& pixels, bool isRgb, int quality, std::vector<unsigned char>& bytes) {
  Encoder encoder{};
  if (!write(encoder, pixels, isRgb, quality)) return encoder.message;
  bytes.assign(encoder.out, encoder.out + encoder.length);
  return {};
}

}  // namespace lintel
