// The body of an answer over HTTP: opens the URL, tells what it gives, and reads it.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

struct AVIOContext;

namespace lintel {

/// Reads through libavformat, which knows redirects, chunks, Basic and Digest authentication, and TLS.
class HttpBody {
 public:
  /// @param isStopped becomes true when every call must return soon; must live longer than the body
  explicit HttpBody(const std::atomic<bool>& isStopped) : isStopped_(isStopped) {}
  ~HttpBody() { close(); }
  HttpBody(const HttpBody&) = delete;
  HttpBody& operator=(const HttpBody&) = delete;

  /// Sends the request and reads the headers of the answer. @param url may contain a user and a password
  /// @returns an empty string, or the cause of the failure, in words without the URL
  std::string open(const std::string& url);
  void close();

  /// Returns the header Content-Type of the answer; empty where it has none.
  const std::string& contentType() const { return contentType_; }
  /// Returns the number of bytes that the body will have; -1 where the answer does not say.
  long long lengthBytes() const { return lengthBytes_; }
  /// Reads the bytes that have arrived, and waits where there are none. @returns their number; 0 at the end of the body,
  /// and where the connection is lost
  size_t read(unsigned char* bytes, size_t most);
  /// Returns why the last read() returned 0; empty at the orderly end of the body.
  std::string describeEnd() const;

 private:
  int request(const std::string& url);

  const std::atomic<bool>& isStopped_;
  AVIOContext* context_ = nullptr;
  std::string contentType_;
  long long lengthBytes_ = -1;
  int end_ = 0;
};

}  // namespace lintel
