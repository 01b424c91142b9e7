#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Standard output and standard error.
enum Terminal {
  /// Whether standard error is a terminal, where lines may be rewritten.
  static let showsProgressBar = isatty(STDERR_FILENO) == 1
  /// Whether a person types on standard input.
  static let isInteractive = isatty(STDIN_FILENO) == 1

  /// Columns of the terminal, 80 where they are not known.
  static var columns: Int {
    var size = winsize()
    for descriptor in [STDERR_FILENO, STDOUT_FILENO] where ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 {
      if size.ws_col > 0 { return Int(size.ws_col) }
    }
    return 80
  }

  /// Writes a result at once: nothing is held back, so that text appears as it is made.
  static func write(_ text: String) { put(text, STDOUT_FILENO) }

  /// Writes a line of a result.
  static func line(_ text: String = "") { put(text + "\n", STDOUT_FILENO) }

  /// Writes a line to standard error.
  static func error(_ text: String) { put(text + "\n", STDERR_FILENO) }

  /// Writes to standard error without ending the line.
  static func errorText(_ text: String) { put(text, STDERR_FILENO) }

  /// Lets everything out that the C library holds.
  static func flush() { fflush(nil) }

  private static func put(_ text: String, _ descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let start = rest.baseAddress, rest.count > 0 {
        let count = Glibc.write(descriptor, start, rest.count)
        if count < 0 {
          guard errno == EINTR || errno == EAGAIN else { stop(descriptor, errno) }
          continue
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }

  // A reader that has left (`| head`) ends the program without a word, as it does with other tools.
  private static func stop(_ descriptor: Int32, _ code: Int32) -> Never {
    if descriptor == STDOUT_FILENO, code != EPIPE {
      error("Error: standard output cannot be written: \(String(cString: strerror(code)))")
    }
    exit(code == EPIPE ? 0 : 1)
  }
}
